"""The network between the nodes, and its DNS: `python -m tests.cluster.real.lan FOLDER`, started by `cluster.py`.

Holds the network namespaces, in a mount namespace of its own, so that they end with it. The API server runs in the
bridge's namespace and is asked there.
"""

import json
import ssl
import sys
from pathlib import Path

import trio

from tests.cluster.node import dns, namespaces
from tests.cluster.node.api import Api, Informer
from tests.cluster.node.network import Wiring

PATHS = {
    "services": "/api/v1/services",
    "slices": "/apis/discovery.k8s.io/v1/endpointslices",
    "nodes": "/api/v1/nodes",
}


async def main(folder: Path) -> None:
    """Lay the wires, say so by the file `laid`, and, when `settings.json` tells of an API server, answer names."""
    wiring = Wiring(folder / "networks")
    await wiring.lay(json.loads((folder / "nodes").read_text()))
    namespaces.enter(wiring.cluster)  # whatever is opened from here on: the API server is reached there
    (folder / "laid").touch()
    settings = folder / "settings.json"
    while not settings.exists():
        await trio.sleep(0.05)
    url, authority, client = json.loads(settings.read_text())
    context = ssl.create_default_context(cafile=authority)
    context.load_cert_chain(*client)
    api = Api(url, context)
    informers = {name: Informer(api, path) for name, path in PATHS.items()}
    async with trio.open_nursery() as nursery:
        nursery.start_soon(dns.serve, wiring.cluster, dns.Names(**informers))
        for informer in informers.values():
            nursery.start_soon(informer.run)


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]))
