"""A node that captures, with the pods and services that tests talk to. It is left as it was found.

client  asks            hello, canary  web servers, each with a service      echo  lines, TCP and UDP
quiet   asks, in a namespace that has opted out
"""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from noderouter.interception.keeper.backend.backend import Backend
from noderouter.interception.keeper.backend.detect import backends
from tests.cluster.any_cluster import READY_SECONDS, until
from tests.cluster.controlplane import ControlPlane
from tests.cluster.node.namespaces import inside
from tests.intercept.asking import Said, get
from tests.intercept.configuration import Settings
from tests.intercept.kube_proxy import KINDS
from tests.intercept.mesh_node import FAMILIES, MeshNode, Service, mesh_node
from tests.intercept.objects import Port
from tests.intercept.pod import Pod

LABEL = "noderouter.io/intercept"
WEB_PORT = 8080
ECHO_PORT = 7000


@dataclass(frozen=True, slots=True)
class Variant:
    """What kind of node: kube-proxy's rules, links with or without addresses, and the keeper's mode."""

    kind: str
    addressed: bool = False
    mode: str = "auto"

    def __str__(self) -> str:
        links = "addressed" if self.addressed else "addressless"
        return f"{self.kind}-{links}" + (f"-by-{self.mode}" if self.mode != "auto" else "")


DEFAULT = Variant("nftables")
BACKENDS = (DEFAULT, Variant("iptables-nft", mode="iptables"), Variant("iptables-legacy"))
"""Each kind of kube-proxy's rules with ours in the same."""
VARIANTS = (*BACKENDS, *(Variant(kind, addressed=True) for kind in KINDS))
"""Each kind, with both kinds of links; iptables-nft with ours in both."""


class World:
    """A node with its usual pods, armed."""

    def __init__(self, node: MeshNode, variant: Variant) -> None:
        self.node = node
        self.variant = variant
        self.quiet_space = f"quiet-{secrets.token_hex(3)}"
        self.client: Pod
        self.quiet: Pod
        self.web: dict[str, Pod] = {}
        self.hello: Service
        self.canary: Service
        self.echo: Service
        self._filter: Backend

    def __repr__(self) -> str:
        return f"<World {self.variant}>"

    def start(self) -> None:
        """Pods, services, keeper and router; returns when connections are captured."""
        node = self.node
        self.start_keeper()
        node.objects.namespace(self.quiet_space, {LABEL: "disabled"})
        self.client = node.add_pod("client")
        self.quiet = node.add_pod("quiet", self.quiet_space)
        for name in ("hello", "canary"):
            self.web[name] = node.add_pod(name)
            self.web[name].program("web", name, WEB_PORT)
        echo = node.add_pod("echo")
        echo.program("echo", "echo", ECHO_PORT)
        ports = [Port("http", 80, WEB_PORT)]
        self.hello = node.add_service("hello", ports, self.web["hello"], type="NodePort")
        self.canary = node.add_service("canary", ports, self.web["canary"])
        both = [Port("tcp", ECHO_PORT, ECHO_PORT), Port("udp", ECHO_PORT, ECHO_PORT, "UDP")]
        self.echo = node.add_service("echo", both, echo)
        self.start_router()
        node.until_armed()
        self.until_captured()

    def start_keeper(self, *options: str) -> None:
        """As the variant wants it."""
        self.node.start_keeper("--mode", self.variant.mode, *options)
        until(self.node.status)
        name = self.node.status()["backend"]
        with inside(self.node.network.node):
            self._filter = next(each for each in backends() if each.name == name)

    def start_router(self, settings: Settings | None = None) -> None:
        """With other settings than the usual, if any."""
        self.node.start_router(settings or Settings())

    def until_captured(self, pod: Pod | None = None, seconds: float = READY_SECONDS) -> None:
        """Wait until a pod's requests are routed, in both families."""
        self._until(pod or self.client, True, seconds)

    def until_direct(self, pod: Pod | None = None, seconds: float = READY_SECONDS) -> None:
        """Wait until a pod's requests are not."""
        self._until(pod or self.client, False, seconds)

    def get(self, pod: Pod, service: Service, version: int = 4, path: str = "/") -> Said:
        """One request to a web service by its cluster IP."""
        return get(pod.place, service.addresses[version], 80, service.host, path)

    def seen(self) -> tuple[int, float]:
        """Connections that the kernel gave to the router, and requests and flows that the router took from them."""
        with inside(self.node.network.node):
            return self._filter.captured(), self.node.routed()

    @contextmanager
    def dtab(self, more: str, until_who: str = "") -> Iterator[None]:
        """Entries over the dtab; inside, `hello` is answered by `until_who`, if given. Afterwards by `hello`."""
        self.node.dtab(more)
        try:
            if until_who:
                self._until_answers(until_who)
            yield
        finally:
            self.node.dtab("")
            self._until_answers("hello")

    def _until_answers(self, who: str) -> None:
        until(lambda: self.get(self.client, self.hello).get("who") == who)

    def _until(self, pod: Pod, captured: bool, seconds: float) -> None:
        def met() -> bool:
            try:
                return all(bool(self.get(pod, self.hello, version).get("via")) == captured for version in FAMILIES)
            except OSError:
                return False

        try:
            until(met, seconds)
        except TimeoutError as error:
            wanted = "captured" if captured else "direct"
            raise AssertionError(f"{pod.name} is not {wanted}:\n{self.node.describe()}") from error


class Worlds:
    """Worlds of one kind: the same for as long as tests leave it as they found it."""

    def __init__(self, control_plane: ControlPlane, variant: Variant) -> None:
        self._control_plane = control_plane
        self._variant = variant
        self._open = ExitStack()
        self._world: World | None = None

    def get(self) -> World:
        """The one that is there, or a new one."""
        if self._world is None:
            self._world = self._open.enter_context(world_of(self._control_plane, self._variant))
        return self._world

    def has(self, node: MeshNode) -> bool:
        """Whether it is the node of the one that is there."""
        return self._world is not None and self._world.node is node

    def describe(self) -> str:
        """For messages."""
        return "there are none" if self._world is None else self._world.node.describe()

    def close(self) -> None:
        """End the one that is there, if any."""
        self._world = None
        self._open.close()


@contextmanager
def world_of(control_plane: ControlPlane, variant: Variant) -> Iterator[World]:
    """A world while inside."""
    with mesh_node(control_plane, variant.kind, addressed=variant.addressed) as node:
        made = World(node, variant)
        made.start()
        yield made
