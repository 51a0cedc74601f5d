"""Nodes with a real kubelet: containerd, runc, CNI, kube-proxy and scheduler, each node in namespaces of its own."""
