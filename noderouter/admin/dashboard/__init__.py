"""The dashboard: one view model, rendered as text, HTML and JSON."""
