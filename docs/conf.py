"""How the documentation is built: `make docs`."""

project = "noderouter"
author = "the noderouter authors"
extensions = ["myst_parser"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "noderouter"
html_show_copyright = False
myst_heading_anchors = 3
"""Links may name a heading of another page, as on GitHub."""
