"""The three forms of a view: text, HTML, JSON. Each takes a `View` and its `Frame`, and knows nothing of routers."""
