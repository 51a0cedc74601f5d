"""A pod's life on a node: network, volumes, init containers, containers, the end.

    bound ──> network and volumes ──> init containers, one after the other ──> containers, all at once
    deletionTimestamp ──> each container is stopped within the grace ──> the object is deleted
    object gone (forced deletion) ──> killed at once

Two tasks run beside it: one writes the status whenever it has changed, as often as it takes, so that the last one is
what the API knows; one keeps the volumes as ConfigMaps and Secrets are, and tokens fresh.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from tests.cluster import addresses
from tests.cluster.node.action import Target
from tests.cluster.node.api import Api, Object
from tests.cluster.node.container import Container, Surroundings
from tests.cluster.node.environment import MissingSource, Sources, environment, expand
from tests.cluster.node.facts import Facts
from tests.cluster.node.image import Image, Images
from tests.cluster.node.network import Addresses, NodeNetwork, Wiring
from tests.cluster.node.security import security
from tests.cluster.node.status import PodStatus
from tests.cluster.node.volumes import Volumes

VOLUMES_SECONDS = 30.0
"""How often tokens are looked after; edits are passed on at once."""
RETRY_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Node:
    """What a pod gets from its node."""

    network: NodeNetwork
    wiring: Wiring
    addresses: Addresses
    images: Images
    api: Api
    sources: Sources
    folder: Path

    @property
    def host(self) -> Path:
        """What is the node's own of its files."""
        return self.folder.parent / "hosts" / self.network.name


class Pod:
    """One pod, from its binding to its end."""

    def __init__(self, pod: Object, node: Node) -> None:
        metadata, spec = pod["metadata"], pod["spec"]
        self.uid: str = metadata["uid"]
        self.host_network: bool = spec.get("hostNetwork", False)
        self._node = node
        self.folder = node.folder / f"{metadata['namespace']}_{metadata['name']}_{self.uid}"
        ip = node.network.address if self.host_network else node.addresses.take()
        self.facts = Facts(pod, ip, node.network.address)
        self._volumes = Volumes(self.folder / "volumes", node.host, self.facts, node.api, node.sources)
        self._network = node.network.path
        self._grace = float(spec.get("terminationGracePeriodSeconds", 30))
        policy = spec.get("restartPolicy", "Always")
        once = "OnFailure" if policy == "Always" else policy
        self._init = [self._container(c, c.get("restartPolicy") or once) for c in spec.get("initContainers", [])]
        self._main = [self._container(c, policy) for c in spec["containers"]]
        self._status = PodStatus(self.facts, self._init, self._main)
        self._dirty = trio.Event()
        self._stale = trio.Event()
        self._told = trio.Event()
        self._gone = trio.Event()

    def __repr__(self) -> str:
        return f"<Pod {self.folder.name} {self.facts.pod_ip} {self._main}>"

    @property
    def host_ports(self) -> list[tuple[str, int, int]]:
        """Protocol, port of the node, port of the pod."""
        return [
            (port.get("protocol", "TCP").lower(), port["hostPort"], port["containerPort"])
            for container in self.facts.pod["spec"]["containers"]
            for port in container.get("ports", [])
            if "hostPort" in port and not self.host_network
        ]

    # What the node tells it

    def update(self, pod: Object) -> None:
        """The object has changed: labels and annotations, or it is to end."""
        self.facts.pod["metadata"] = pod["metadata"]
        self._stale.set()
        if "deletionTimestamp" in pod["metadata"]:
            self._grace = float(pod["metadata"].get("deletionGracePeriodSeconds", self._grace))
            self._told.set()

    def vanish(self) -> None:
        """The object is gone."""
        self._gone.set()

    def source_changed(self, kind: str, name: str) -> None:
        """A ConfigMap or Secret of its namespace has changed."""
        if self._volumes.refers_to(kind, name):
            self._stale.set()

    # Life

    async def run(self) -> None:
        """Live; returns when nothing of it is left but its logs."""
        attached = False
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._end_when_gone, nursery.cancel_scope)
                if not self.host_network:
                    self._network = await self._node.wiring.attach(self._node.network, self.uid, self.facts.pod_ip)
                    attached = True
                nursery.start_soon(self._publish)
                async with trio.open_nursery() as living:
                    living.start_soon(self._end_when_told, living.cancel_scope)
                    living.start_soon(self._follow)
                    await self._live()
                await self._delete()
                nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True):
                if attached:
                    await self._node.wiring.detach(self._node.network, self.uid, self.facts.pod_ip)
            if not self.host_network:
                self._node.addresses.release(self.facts.pod_ip)

    async def _live(self) -> None:
        while not await self._lay_volumes():
            with trio.move_on_after(RETRY_SECONDS):
                await self._stale.wait()
        async with trio.open_nursery() as sidecars:
            for container in self._init:
                if container.spec.get("restartPolicy") == "Always":
                    sidecars.start_soon(container.run)
                    await container.up.wait()
                    continue
                await container.run()
                if container.exit_code != 0:
                    self._changed()
                    await trio.sleep_forever()
            self._status.initialized = True
            self._changed()
            async with trio.open_nursery() as nursery:
                for container in self._main:
                    nursery.start_soon(container.run)
            self._changed()
            await trio.sleep_forever()

    async def _end_when_told(self, scope: trio.CancelScope) -> None:
        """Stop the containers; sidecars after the others, as they were started before."""
        await self._told.wait()
        deadline = trio.current_time() + self._grace
        for group in (self._main, self._init):
            async with trio.open_nursery() as nursery:
                for container in group:
                    nursery.start_soon(container.stop, max(deadline - trio.current_time(), 0))
        scope.cancel()

    async def _end_when_gone(self, scope: trio.CancelScope) -> None:
        await self._gone.wait()
        scope.cancel()

    async def _delete(self) -> None:
        """Write the last status, then let go of the object."""
        await self._write()
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": self.uid}}
        await self._node.api.insist("DELETE", self._path(), options)

    # Status

    def _changed(self) -> None:
        self._dirty.set()

    def _path(self) -> str:
        return f"/api/v1/namespaces/{self.facts.namespace}/pods/{self.facts.pod['metadata']['name']}"

    async def _publish(self) -> None:
        while True:
            await self._write()
            await self._dirty.wait()
            self._dirty = trio.Event()

    async def _write(self) -> None:
        body = {"metadata": {"uid": self.uid}, "status": self._status.compute()}
        answer = await self._node.api.insist("PATCH", self._path() + "/status", body)
        if answer.status_code not in (200, 404, 409):  # the last two: deleted, perhaps made again
            print(f"{self!r}: status refused: {answer.text}", file=sys.stderr)

    # Volumes

    async def _follow(self) -> None:
        while True:
            with trio.move_on_after(VOLUMES_SECONDS):
                await self._stale.wait()
            await self._lay_volumes()

    async def _lay_volumes(self) -> bool:
        self._stale = trio.Event()
        try:
            await self._volumes.update()
        except MissingSource as error:
            message = {"waiting": {"reason": "ContainerCreating", "message": str(error)}}
            for container in self._main:
                if "waiting" in container.state and container.state != message:
                    container.state = message
                    self._changed()
            return False
        return True

    # Containers

    def _container(self, spec: Object, policy: str) -> Container:
        target = Target(spec, self.folder / spec["name"], self.facts.pod_ip, self._node.network.path)
        return Container(spec, Surroundings(target, policy, self._grace, self._spec, self._changed))

    async def _spec(self, container: Object) -> dict[str, Any]:
        """The spec for `launch.py`.

        Raises:
            MissingSource: something that it refers to is not there.
        """
        images = self._node.images
        image = images.find(container["image"])
        if image is None and "command" not in container:
            raise MissingSource(f"the harness has no image {container['image']}, and no command is given")
        image = image or Image()
        base = {"PATH": images.search_path, "HOME": "/", **image.env}
        env = environment(container, self.facts, self._node.sources, base)
        command: Sequence[str] = container.get("command") or image.command
        args: Sequence[str] = container.get("args") or (image.args if "command" not in container else ())
        return {
            "network": str(self._network),
            "hostname": self._hostname(),
            "argv": [expand(word, env) for word in (*command, *args)],
            "env": env,
            "cwd": container.get("workingDir", "/"),
            "files": self._files(),
            "mounts": self._volumes.mounts(container),
            "visible": list(images.visible),
            **security(container, self.facts.pod, image),
        }

    def _hostname(self) -> str:
        spec, name = self.facts.pod["spec"], self.facts.pod["metadata"]["name"]
        return str(self._node.network.name if self.host_network else spec.get("hostname") or name)[:63]

    def _files(self) -> dict[str, str]:
        """/etc/hosts and /etc/resolv.conf."""
        hosts = ["127.0.0.1 localhost", f"{self.facts.pod_ip} {self._hostname()}"]
        aliases = self.facts.pod["spec"].get("hostAliases", [])
        hosts += [f"{alias['ip']} {' '.join(alias['hostnames'])}" for alias in aliases]
        domains = [f"{self.facts.namespace}.svc.{addresses.DOMAIN}", f"svc.{addresses.DOMAIN}", addresses.DOMAIN]
        resolver = [f"nameserver {addresses.GATEWAY}", f"search {' '.join(domains)}", "options ndots:5"]
        policy = self.facts.pod["spec"].get("dnsPolicy", "ClusterFirst")
        if policy == "Default" or (policy == "ClusterFirst" and self.host_network):
            resolver = resolver[:1]
        return {"/etc/hosts": "\n".join(hosts) + "\n", "/etc/resolv.conf": "\n".join(resolver) + "\n"}
