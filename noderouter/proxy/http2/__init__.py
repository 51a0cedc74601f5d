"""The codec of HTTP/2 (RFC 9113)."""
