"""Capturing the traffic of this node's pods: the keeper of the rules, and the router's side of it."""
