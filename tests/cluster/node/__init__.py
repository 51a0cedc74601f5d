"""The nodes of a test cluster: kubelet, scheduler, kube-proxy and DNS in one process. See ../README.md."""
