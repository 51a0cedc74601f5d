"""Overload: is memory or time running out, and how much of the work is shed for it.

A task of the control plane looks four times a second. What is shed is the newest: requests that have just arrived are
answered 503 with `l5d-retryable`, so that a router before this one can try another; what is in progress goes on.
"""
