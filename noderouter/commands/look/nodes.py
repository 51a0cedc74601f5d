"""Which routers are asked: the one at an address, or those in the pods of nodes, through the API server's proxy."""

import argparse
import json
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import quote

from noderouter.commands.look.arguments import TOKEN_FILE
from noderouter.commands.look.interface import PORT, TIMING, Interface, plain, token_field
from noderouter.commands.look.output import LookError, one_line
from noderouter.kubernetes.access import Access, of_people
from noderouter.kubernetes.api import Api
from noderouter.kubernetes.errors import ApiError
from noderouter.kubernetes.paths import pods

PAGE: Final = "500"
"""Pods of one answer of the API."""
MOST: Final = 1000
"""Nodes that are asked."""
SCHEME: Final = "noderouter.io/admin-scheme"
"""An annotation of pods: `https` where the admin interface speaks TLS."""

Object = dict[str, Any]


@asynccontextmanager
async def interfaces(options: argparse.Namespace) -> AsyncIterator[list[Interface]]:
    """Yield those that the arguments name, in the order of their nodes; at least one.

    Raises:
        LookError: there is none, or the API does not say.
    """
    through_api = options.node or options.every_node or options.admin is None
    people = through_api and of_people(options.kubeconfig, options.context)
    access: Access = people or plain(options.admin, options.ca_file, options.cert_file, options.key_file)
    api = Api(access, TIMING, token_field(options.token_file or os.environ.get(TOKEN_FILE)))
    try:
        yield await _of_nodes(api, options) if through_api else [Interface(api)]
    finally:
        await api.close()


async def _of_nodes(api: Api, options: argparse.Namespace) -> list[Interface]:
    collection = pods(options.namespace or "")
    query = {"labelSelector": options.selector, "limit": PAGE}
    if options.node:
        query["fieldSelector"] = f"spec.nodeName={options.node}"
    found: list[Object] = []
    try:
        while True:
            answer = json.loads(await api.get(collection.path, query))
            found += answer["items"]
            query["continue"] = answer["metadata"].get("continue") or ""
            if not query["continue"] or len(found) > MOST:
                break
        chosen = one_each(found)
    except ApiError as error:
        hint = "; the right to list pods there is needed (--namespace narrows it)" if error.refused else ""
        raise LookError(f"{api.access}: {one_line(error.reason)}{hint}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LookError(f"{api.access}: what answers there is not a Kubernetes API") from error
    if not chosen:
        place = f"namespace {options.namespace}" if options.namespace else "any namespace"
        node = f"on node {options.node} " if options.node else ""
        raise LookError(f"{api.access}: no router runs {node}in {place} with the labels {options.selector}")
    if len(chosen) > MOST:
        raise LookError(f"more than {MOST} nodes: --selector, --namespace or --node choose fewer")
    return [Interface(api, _proxy(pod, options.admin_port), node) for node, pod in sorted(chosen.items())]


def one_each(found: Iterable[Object]) -> dict[str, Object]:
    """Return the pod of each node: of several that run the youngest, which is the one that replaces another."""
    chosen: dict[str, Object] = {}
    for pod in sorted(found, key=lambda each: str(each["metadata"].get("creationTimestamp", ""))):
        node = pod["spec"].get("nodeName")
        running = pod.get("status", {}).get("phase") == "Running" and not pod["metadata"].get("deletionTimestamp")
        if node and running:
            chosen[one_line(str(node))] = pod
    return chosen


def _proxy(pod: Object, port: int | None) -> str:
    """Return the path of the API server's proxy to the admin interface of a pod."""
    meta = pod["metadata"]
    # The API server speaks TLS with what has this before its name, and believes any certificate.
    scheme = "https:" if (meta.get("annotations") or {}).get(SCHEME) == "https" else ""
    name = quote(f"{scheme}{meta['name']}:{port or _declared(pod)}", safe=":")
    return f"{pods(meta['namespace']).path}/{name}/proxy"


def _declared(pod: Object) -> int:
    """Return the port that a container calls `admin`; pods that share the ports of their node declare none."""
    for container in pod["spec"].get("containers", ()):
        for port in container.get("ports") or ():
            if port.get("name") == "admin":
                return int(port["containerPort"])
    return PORT
