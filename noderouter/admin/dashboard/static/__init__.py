"""The style and the scripts of the pages, as they are served; nobody else's code is among them."""
