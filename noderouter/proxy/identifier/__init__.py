"""Identifiers: from an exchange to its logical name; one kind a file."""
