"""What the router counts and says about itself: metrics, their two wire forms, and structured logs.

Hot path: `histogram` and `metrics` (plain integers, no locks, no look-ups by name). Both are handed out by
`tree`, once per server, service and client, and read only when somebody asks. Everything else here is off the
hot path: `json` and `prometheus` write the tree, `window` turns the 60 s histogram window, `log` sets up
structlog, `telemeter/` holds the configurable kinds.
"""
