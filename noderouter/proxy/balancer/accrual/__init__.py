"""Failure accrual: takes endpoints that fail out of the draw, and probes them (docs/linkerd1.md section 4.2)."""
