"""The command lines of the control plane's three servers."""

from dataclasses import dataclass
from pathlib import Path

from tests.cluster import addresses
from tests.cluster.certificates import Pair


@dataclass(frozen=True, slots=True)
class Files:
    """What the servers read; `tokens.key` and `tokens.pub` of the folder sign service-account tokens.

    `kubelet` is what the API server shows to real kubelets; None where there are none.
    """

    folder: Path
    authority: Path
    server: Pair
    admin: Pair
    kubelet: Pair | None = None


def etcd(files: Files, port: int, peer_port: int) -> list[str]:
    """One member, which need not survive a power cut."""
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    return [
        f"--data-dir={files.folder / 'etcd'}",
        "--name=test",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=test={peer}",
        "--log-level=warn",
        "--unsafe-no-fsync",
    ]


def api_server(files: Files, port: int, etcd_port: int) -> list[str]:
    """One secure port; what it advertises is where pods reach it.

    Where nodes are played, on loopback, which the harness passes connections on to; else in the nodes' network.
    """
    tokens = files.folder / "tokens"
    return [
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        f"--bind-address={'127.0.0.1' if files.kubelet is None else addresses.GATEWAY}",
        f"--secure-port={port}",
        f"--advertise-address={addresses.GATEWAY}",
        f"--service-cluster-ip-range={addresses.SERVICE_NETWORK},{addresses.SERVICE_NETWORK_6}",
        f"--tls-cert-file={files.server.certificate}",
        f"--tls-private-key-file={files.server.key}",
        f"--client-ca-file={files.authority}",
        f"--service-account-issuer=https://kubernetes.default.svc.{addresses.DOMAIN}",
        f"--service-account-key-file={tokens}.pub",
        f"--service-account-signing-key-file={tokens}.key",
        "--allow-privileged=true",
        "--profiling=false",
        *_kubelets(files.kubelet),
    ]


def _kubelets(pair: Pair | None) -> list[str]:
    """How it reaches what nodes serve (logs, exec, port-forward), and what nodes may do."""
    if pair is None:
        return ["--authorization-mode=RBAC", "--kubelet-preferred-address-types=ExternalDNS"]  # on loopback, too
    return [
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--kubelet-preferred-address-types=InternalIP",
        f"--kubelet-client-certificate={pair.certificate}",
        f"--kubelet-client-key={pair.key}",
    ]


def scheduler(kubeconfig: Path) -> list[str]:
    """Without a port."""
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--secure-port=0",
        "--leader-elect=false",
        "--profiling=false",
    ]


def controller_manager(files: Files, kubeconfig: Path) -> list[str]:
    """All controllers, without a port; quick, since a test waits for each step."""
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--secure-port=0",
        "--leader-elect=false",
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={files.folder / 'tokens.key'}",
        f"--root-ca-file={files.authority}",
        f"--cluster-cidr={addresses.POD_NETWORK}",
        "--allocate-node-cidrs=false",
        "--node-monitor-grace-period=10m",  # an outage of the API is not one of the nodes
        "--kube-api-qps=300",
        "--kube-api-burst=600",
        "--profiling=false",
    ]
