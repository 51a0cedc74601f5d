"""Files that are watched: their contents, and the paths that lead to them."""
