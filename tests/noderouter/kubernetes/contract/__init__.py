"""The same tests against the fake API server and a real one, so that the fake stays like the original."""
