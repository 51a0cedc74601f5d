"""Bytes without a protocol: tunnels."""
