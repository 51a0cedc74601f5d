"""A node's kubelet: one task for each pod that is bound to the node."""

import sys
import traceback

import trio

from tests.cluster.node.api import Informer, Object
from tests.cluster.node.pod import Node, Pod
from tests.cluster.node.registration import keep_lease, register


class Kubelet:
    """Runs the pods of one node; `pods` are those that live now, by uid."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.pods: dict[str, Pod] = {}
        self.changed = trio.Event()
        self._nursery: trio.Nursery | None = None

    def __repr__(self) -> str:
        return f"<Kubelet {self.node.network.name} {len(self.pods)} pods>"

    async def run(self, pods: Informer, logs_port: int) -> None:
        """Register the node, then do as the API says for ever."""
        await register(self.node.api, self.node.network, logs_port)
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(keep_lease, self.node.api, self.node.network)
            self.node.sources.config_maps.subscribe(lambda old, new: self._source_changed("configMap", new or old))
            self.node.sources.secrets.subscribe(lambda old, new: self._source_changed("secret", new or old))
            await self.node.sources.config_maps.listed.wait()
            await self.node.sources.secrets.listed.wait()
            pods.subscribe(self._pod_changed)
            for pod in list(pods.objects.values()):
                self._pod_changed(None, pod)
            await trio.sleep_forever()

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        obj = new or old
        assert obj is not None
        if obj["spec"].get("nodeName") != self.node.network.name:
            return
        pod = self.pods.get(obj["metadata"]["uid"])
        if new is None:
            if pod is not None:
                pod.vanish()
        elif pod is not None:
            pod.update(new)
        elif new.get("status", {}).get("phase") not in ("Succeeded", "Failed"):
            assert self._nursery is not None
            self._nursery.start_soon(self._live, new)

    async def _live(self, obj: Object) -> None:
        uid = obj["metadata"]["uid"]
        if uid in self.pods:
            return
        pod = Pod(obj, self.node)
        self.pods[uid] = pod
        self.changed.set()
        if "deletionTimestamp" in obj["metadata"]:
            pod.update(obj)
        try:
            await pod.run()
        except Exception:  # one pod's failure is not the node's
            print(f"{pod!r} failed", file=sys.stderr)
            traceback.print_exc()
        finally:
            del self.pods[uid]
            self.changed.set()

    def _source_changed(self, kind: str, obj: Object | None) -> None:
        assert obj is not None
        for pod in self.pods.values():
            if pod.facts.namespace == obj["metadata"]["namespace"]:
                pod.source_changed(kind, obj["metadata"]["name"])
