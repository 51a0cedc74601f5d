"""The chart with interception on real nodes: beside a real kube-proxy of either kind, and within real limits."""
