"""Transformers: what `transformers` lists on an interpreter or a namer may change in bound names; one kind a file."""
