"""What `noderouter` can do besides running: checks of a configuration or a dtab, and the demo."""
