"""The image of the router, built for real by buildah (docs/image.md)."""
