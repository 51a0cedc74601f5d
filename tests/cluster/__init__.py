"""A real Kubernetes for tests, without containers: control plane, nodes that are network namespaces. See README.md."""
