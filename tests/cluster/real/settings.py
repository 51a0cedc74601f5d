"""The configuration files of a node's daemons."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.cluster import addresses

PAUSE = "registry.k8s.io/pause:tests"
CNI_BINARIES = ("/usr/lib/cni", "/opt/cni/bin")
"""Debian's folder, and that of the upstream packages."""

RUNC = ("/usr/sbin/runc", "/usr/bin/runc")


@dataclass(frozen=True, slots=True)
class NodeFiles:
    """What is particular to one node; `group` is its control group, from the root of each hierarchy."""

    name: str
    number: int
    folder: Path
    group: str
    authority: Path
    kubeconfig: Path
    proxy_kubeconfig: Path
    proxy_mode: str

    @property
    def address(self) -> str:
        """The node's own."""
        return addresses.node_address(self.number)

    @property
    def pods(self) -> str:
        """The addresses of its pods."""
        return f"{addresses.pod_prefix(self.number)}.0/24"


def write_cni(files: NodeFiles) -> None:
    """A bridge for the pods, and portmap for their host ports: what kind and many others have."""
    ranges = {"type": "host-local", "ranges": [[{"subnet": files.pods}]], "routes": [{"dst": "0.0.0.0/0"}]}
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": False, "hairpinMode": True}
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
    content = {"cniVersion": "0.4.0", "name": "pods", "plugins": [{**bridge, "ipam": ranges}, portmap]}
    folder = files.folder / "cni"
    folder.mkdir()
    (folder / "10-pods.conflist").write_text(json.dumps(content))


def write_containerd(files: NodeFiles) -> Path:
    """All paths are containerd's own: the node has a /run and a /var/lib/containerd of its own."""
    cni = next((each for each in CNI_BINARIES if Path(each, "bridge").exists()), CNI_BINARIES[0])
    runc = next((each for each in RUNC if Path(each).exists()), RUNC[0])
    path = files.folder / "containerd.toml"
    path.write_text(f"""
version = 2
disabled_plugins = ["io.containerd.internal.v1.opt"]
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true  # a machine may let nobody lower it, and then runc ends without a word
  sandbox_image = "{PAUSE}"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{cni}"
    conf_dir = "{files.folder / "cni"}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      BinaryName = "{runc}"
""")
    return path


def write_kubelet(files: NodeFiles) -> Path:
    """As kubeadm has it; control groups by files, since nothing here is started by systemd."""
    return _write(
        files.folder / "kubelet.yaml",
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(files.authority)},
            },
            "authorization": {"mode": "Webhook"},
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": files.group,
            "failCgroupV1": False,
            "failSwapOn": False,
            "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
            "clusterDNS": [addresses.DNS_CLUSTER_IP],
            "clusterDomain": addresses.DOMAIN,
            "resolvConf": "",
            "evictionHard": {
                "memory.available": "50Mi",
                "nodefs.available": "1%",
                "imagefs.available": "1%",
                "nodefs.inodesFree": "0%",
            },
            "imageGCHighThresholdPercent": 100,
            "nodeStatusUpdateFrequency": "2s",
            "serializeImagePulls": False,
            "registryPullQPS": 0,
            "eventRecordQPS": 0,
            "syncFrequency": "10s",
            "configMapAndSecretChangeDetectionStrategy": "Watch",
        },
    )


def write_proxy(files: NodeFiles) -> Path:
    """Timeouts of connection tracking belong to the machine and are left alone."""
    untouched = {
        "maxPerCore": 0,
        "min": 0,
        "tcpEstablishedTimeout": "0s",
        "tcpCloseWaitTimeout": "0s",
        "udpTimeout": "0s",
        "udpStreamTimeout": "0s",
    }
    return _write(
        files.folder / "kube-proxy.yaml",
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": files.proxy_mode,
            "clientConnection": {"kubeconfig": str(files.proxy_kubeconfig)},
            "clusterCIDR": addresses.POD_NETWORK,
            "hostnameOverride": files.name,
            "conntrack": untouched,
            "iptables": {"minSyncPeriod": "0s"},
            "nftables": {"minSyncPeriod": "0s"},
        },
    )


def _write(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path
