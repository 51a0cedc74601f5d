"""Which endpoint gets the request: balancers, their nodes, and failure accrual.

Pure and synchronous: time comes in as `now` (seconds of a monotonic clock), chance from a `random.Random`
that is passed in. `docs/balancing.md` describes what users see of it.
"""
