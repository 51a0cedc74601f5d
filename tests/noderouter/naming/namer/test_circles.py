"""What is kept for a name goes with whoever needed it, without the collector: names may be a stranger's, and many."""

import gc
from collections.abc import Iterator
from dataclasses import replace
from weakref import ref

import pytest
import trio

from dtab import Leaf, Ok, Path
from noderouter.core.computed import Reading
from noderouter.kubernetes.clusters import Clusters
from noderouter.naming.dns.resolver import Resolver
from noderouter.naming.lookup import Namer
from noderouter.naming.namer.fs import Fs
from noderouter.naming.namer.k8s import K8s
from tests.noderouter.kubernetes.conftest import QUICK
from tests.noderouter.naming.fakes import Dns
from tests.testing.api_server import api_server
from tests.testing.kube import endpoint_slice, port, service
from tests.testing.loop import until


@pytest.fixture(autouse=True)
def without_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def kept(namer: Namer, name: str) -> list[ref]:
    """Bind a name, with its addresses, and let it go; what there was to be kept."""
    reading = Reading()
    answer = namer.lookup(Path.parse(name), reading)
    if isinstance(answer, Ok) and isinstance(answer.tree, Leaf):
        reading.read(answer.tree.value.addr)
    found = [ref(var) for var in reading]
    reading.release()
    assert found
    return found


async def gone(found: list[ref]) -> None:
    await until(lambda: all(each() is None for each in found))


@pytest.mark.parametrize("name", ["/web", "/nothing", "/folder/nothing"])
async def test_files(runtime, tmp_path, name):
    (tmp_path / "web").write_text("10.0.0.1 80\n")
    (tmp_path / "folder").mkdir()
    namer = Fs(kind="io.l5d.fs", rootDir=str(tmp_path)).build(runtime)
    await gone(kept(namer, name))


@pytest.mark.parametrize("name", ["/default/80/hello", "/default/http/nothing", "/nothing/80/nothing"])
async def test_kubernetes(runtime, nursery, log, name):
    runtime = replace(runtime, clusters=Clusters(nursery.start_soon, log, QUICK))
    async with api_server() as server:
        server.store.put("services", service("hello", port(80, "http", "http")))
        server.store.put("endpointslices", endpoint_slice("hello", ["10.0.0.1"]))
        namer = K8s(kind="io.l5d.k8s", host="127.0.0.1", port=server.port).build(runtime)
        reading = Reading()  # the watch stays; only the name comes and goes
        await until(lambda: isinstance(namer.lookup(Path.parse("/default/http/hello"), reading), Ok))
        found = kept(namer, name)
        reading.release()
        await gone(found)
        nursery.cancel_scope.cancel()


async def test_dns(nursery, log, autojump_clock):
    dns = Dns()
    resolver = Resolver(nursery.start_soon, log, query=dns.query)
    for name in ("web", "nothing"):
        dns.answers["web"] = frozenset({"10.0.0.1"})
        host = resolver.ips(name)
        host.hold()
        await trio.sleep(1)
        host.release()
        found = ref(host)
        del host
        await trio.sleep(60)
        assert len(resolver) == 0
        assert found() is None
    nursery.cancel_scope.cancel()
