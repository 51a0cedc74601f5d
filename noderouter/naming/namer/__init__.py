"""Namers: where names below `/#/` and `/$/` come from; one kind a file."""
