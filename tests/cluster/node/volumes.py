"""A pod's volumes: folders of the harness that are bind-mounted into its containers.

ConfigMaps, Secrets, projections and the downward API are laid as the kubelet does: the files are in a folder of their
own, `..data` is a link to it that is replaced at once, and each visible name is a link through `..data`. So an edit is
seen whole or not at all, by an inotify event on `..data`. Unlike the kubelet, which takes up to a minute, the harness
passes an edit on as soon as it sees it.
"""

import os
import shutil
import time
from pathlib import Path
from typing import Any

from tests.cluster.node.api import Api, Object
from tests.cluster.node.environment import MissingSource, Sources
from tests.cluster.node.facts import Facts
from tests.cluster.node.host import host_path

Files = dict[str, bytes]

FOLLOWED = ("configMap", "secret", "projected", "downwardAPI")
"""The kinds whose content may change."""

TOKEN_SECONDS = 3600
TOKEN_RENEWED_AT = 0.8
"""After which part of its life a token is replaced, as the kubelet does."""


class Volumes:
    """The volumes of one pod, below `folder`."""

    def __init__(self, folder: Path, host: Path, facts: Facts, api: Api, sources: Sources) -> None:
        """`host` has what is the node's own of its `hostPath`s."""
        self._folder = folder
        self._host = host
        self._facts = facts
        self._api = api
        self._sources = sources
        self._tokens: dict[str, tuple[float, bytes]] = {}
        self._written: dict[str, Files] = {}

    async def update(self) -> None:
        """Lay all volumes, and what has changed of those that are there.

        Raises:
            MissingSource: a volume cannot be laid yet.
        """
        for volume in self._facts.pod["spec"].get("volumes", []):
            place = self._folder / volume["name"]
            followed = [kind for kind in FOLLOWED if kind in volume]
            if followed:
                files = await self._files(followed[0], volume[followed[0]])
                if self._written.get(volume["name"]) != files:
                    write(place, files, volume[followed[0]].get("defaultMode", 0o644))
                    self._written[volume["name"]] = files
            elif "emptyDir" in volume:
                place.mkdir(parents=True, exist_ok=True)
                place.chmod(0o777)
            elif "hostPath" in volume:
                host_path(self._host, volume)
                continue
            else:
                kinds = ", ".join(kind for kind in volume if kind != "name")
                raise MissingSource(f"volume {volume['name']}: the harness has no {kinds}")
            self._give(place)

    def _give(self, place: Path) -> None:
        """Give a volume to the pod's group, so that its user may read it."""
        group = self._facts.pod["spec"].get("securityContext", {}).get("fsGroup")
        if group is not None and place.exists():
            os.chown(place, -1, group)

    def mounts(self, container: Object) -> list[dict[str, Any]]:
        """The bind mounts of a container."""
        volumes = {volume["name"]: volume for volume in self._facts.pod["spec"].get("volumes", [])}
        found = []
        for mount in container.get("volumeMounts", []):
            volume = volumes[mount["name"]]
            source = host_path(self._host, volume) if "hostPath" in volume else self._folder / mount["name"]
            if mount.get("subPath"):
                source = (source / mount["subPath"]).resolve()
                if "emptyDir" in volume:
                    source.mkdir(parents=True, exist_ok=True)
            read_only = mount.get("readOnly", False) or any(kind in volume for kind in FOLLOWED)
            found.append({"source": str(source), "target": mount["mountPath"], "read_only": read_only})
        return found

    def refers_to(self, kind: str, name: str) -> bool:
        """Whether a ConfigMap (`configMap`) or Secret (`secret`) is in one of the volumes."""
        for volume in self._facts.pod["spec"].get("volumes", []):
            sources = [volume, *volume.get("projected", {}).get("sources", [])]
            if any(name in (s.get(kind, {}).get("name"), s.get(kind, {}).get("secretName")) for s in sources):
                return True
        return False

    async def _files(self, kind: str, source: Object) -> Files:
        match kind:
            case "configMap" | "secret":
                name = source.get("name") or source["secretName"]
                data = self._sources.data(kind, self._facts.namespace, name, source.get("optional", False))
                return select(data or {}, source)
            case "downwardAPI":
                return {item["path"]: self._facts.field(item["fieldRef"]["fieldPath"]).encode()
                        for item in source.get("items", [])}  # fmt: skip
            case "serviceAccountToken":
                return {source["path"]: await self._token(source)}
        files: Files = {}
        for part in source["sources"]:
            for inner, value in part.items():
                files |= await self._files(inner, value)
        return files

    async def _token(self, source: Object) -> bytes:
        """The token of a projection, made anew when it nears its end."""
        renew, token = self._tokens.get(source["path"], (0.0, b""))
        if time.monotonic() < renew:
            return token
        seconds = source.get("expirationSeconds", TOKEN_SECONDS)
        metadata = self._facts.pod["metadata"]
        pod = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
        spec: Object = {"expirationSeconds": seconds, "boundObjectRef": pod}
        if "audience" in source:
            spec["audiences"] = [source["audience"]]
        account = self._facts.pod["spec"].get("serviceAccountName", "default")
        path = f"/api/v1/namespaces/{self._facts.namespace}/serviceaccounts/{account}/token"
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        answer = await self._api.insist("POST", path, request)
        if answer.status_code != 201:
            raise MissingSource(f"no token for {account}: {answer.text}")
        token = str(answer.json()["status"]["token"]).encode()
        self._tokens[source["path"]] = (time.monotonic() + seconds * TOKEN_RENEWED_AT, token)
        return token


def select(data: Files, source: Object) -> Files:
    """What a volume shows of an object: all keys, or its `items` under their paths.

    Raises:
        MissingSource: a key of `items` is not there.
    """
    if "items" not in source:
        return data
    files: Files = {}
    for item in source["items"]:
        if item["key"] in data:
            files[item["path"]] = data[item["key"]]
        elif not source.get("optional", False):
            raise MissingSource(f"references non-existent config key: {item['key']}")
    return files


def write(place: Path, files: Files, mode: int) -> None:
    """Replace what a folder shows, at once."""
    place.mkdir(parents=True, exist_ok=True)
    place.chmod(0o755)
    data = place / f"..{time.time_ns()}"
    for name, content in files.items():
        file = data / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(mode)
    data.mkdir(exist_ok=True)
    old = place / "..data"
    before = old.readlink() if old.is_symlink() else None
    link = place / "..data_tmp"
    link.symlink_to(data.name)
    link.rename(old)
    names = {name.partition("/")[0] for name in files}
    for name in names:
        if not (place / name).is_symlink():
            (place / name).symlink_to(f"..data/{name}")
    for entry in place.iterdir():
        if entry.name not in names and not entry.name.startswith(".."):
            entry.unlink()
    if before is not None:
        shutil.rmtree(place / before)
