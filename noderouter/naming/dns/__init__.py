"""Addresses of host names: who asks the system's resolver, how often, and how many at a time."""
