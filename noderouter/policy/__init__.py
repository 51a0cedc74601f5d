"""Who may reach what: policies beside the dtab, followed while they are edited, and compiled for the data path."""
