"""HTTP/1.0 and 1.1: the sans-io codec (`head`, `chunked`), and the two sides that use it."""
