"""What can stand in the `telemetry` list of the configuration; one kind per file."""
