"""Where connections come in: bind, accept, drain."""
