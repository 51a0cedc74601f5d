"""On nodes with a real kubelet, containers, CNI and kube-proxy: what nodes that are played cannot show.

Each test states a figure, which is printed at the end of the run.
"""
