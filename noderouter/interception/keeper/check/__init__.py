"""`noderouter intercept check`: what this node can do, tried out in a pod of its own."""
