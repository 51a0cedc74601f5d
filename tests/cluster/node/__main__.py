"""The process of the nodes: `python -m tests.cluster.node SETTINGS`, in mount and PID namespaces of its own.

Started by `tests/cluster/cluster.py`. It is PID 1 of everything that runs in the cluster: when it dies, the kernel ends
every pod, and with the last of them go mounts and networks.
"""

import json
import ssl
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from tests.cluster.node import dns, gateway
from tests.cluster.node.api import Api, Informer
from tests.cluster.node.environment import Sources
from tests.cluster.node.image import Images
from tests.cluster.node.kubelet import Kubelet
from tests.cluster.node.logs import Logs
from tests.cluster.node.network import Addresses, Wiring
from tests.cluster.node.pod import Node
from tests.cluster.node.proxy import Proxy
from tests.cluster.node.scheduler import Scheduler

PATHS = {
    "pods": "/api/v1/pods",
    "nodes": "/api/v1/nodes",
    "services": "/api/v1/services",
    "config_maps": "/api/v1/configmaps",
    "secrets": "/api/v1/secrets",
    "slices": "/apis/discovery.k8s.io/v1/endpointslices",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What `cluster.py` hands over; `client` and `server` are certificate and key."""

    folder: Path
    port: int
    authority: str
    client: list[str]
    server: list[str]
    nodes: list[str]
    images: Images

    @classmethod
    def load(cls, path: Path) -> "Settings":
        """From the file of that name."""
        value: dict[str, Any] = json.loads(path.read_text())
        return cls(**{**value, "folder": Path(value["folder"]), "images": Images.from_json(value["images"])})


async def main(settings: Settings) -> None:
    """Run the nodes for ever; `ready` in the folder says that they are registered and wired."""
    context = ssl.create_default_context(cafile=settings.authority)
    context.load_cert_chain(*settings.client)
    api = Api(f"https://127.0.0.1:{settings.port}", context)
    informers = {name: Informer(api, path) for name, path in PATHS.items()}
    wiring = Wiring(settings.folder / "networks")
    await wiring.lay(settings.nodes)
    sources = Sources(informers["config_maps"], informers["secrets"])
    kubelets = [
        Kubelet(Node(node, wiring, Addresses(node.prefix), settings.images, api, sources, settings.folder / "pods"))
        for node in wiring.nodes
    ]
    names = dns.Names(informers["services"], informers["slices"], informers["nodes"])
    scheduler = Scheduler(api, informers["pods"], informers["nodes"])
    proxy = Proxy(informers["services"], informers["slices"], kubelets)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(gateway.serve, wiring.cluster, settings.port)
        nursery.start_soon(dns.serve, wiring.cluster, names)
        logs_port = await nursery.start(Logs(settings.folder / "pods", *settings.server).serve)
        for kubelet in kubelets:
            nursery.start_soon(kubelet.run, informers["pods"], logs_port)
        nursery.start_soon(scheduler.run)
        nursery.start_soon(proxy.run)
        for informer in informers.values():
            nursery.start_soon(informer.run)
        for informer in informers.values():
            await informer.listed.wait()
        while len(informers["nodes"].objects) < len(settings.nodes):
            await trio.sleep(0.02)
        (settings.folder / "ready").touch()


if __name__ == "__main__":
    trio.run(main, Settings.load(Path(sys.argv[1])))
