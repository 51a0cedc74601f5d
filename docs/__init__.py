"""The documentation, and `docs.generate`, which makes the parts of it that follow from the sources."""
