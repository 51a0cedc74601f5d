"""Interpreters: from a logical name to a tree of bound names; one kind a file."""
