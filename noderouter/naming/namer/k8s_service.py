"""`io.l5d.k8s.service`: a Service, at the port that is asked for or else at the one for HTTP.

    - kind: io.l5d.k8s.service

    /#/io.l5d.k8s.service/shop/web/8080     /k8s/shop/8080/web
    /#/io.l5d.k8s.service/shop/web          /k8s/shop/http/web | /k8s/shop/80/web

and the same for one pod of it, `/shop/db-0.db`. A rewrite cannot say that: it takes a port for left-overs.
"""

from typing import ClassVar

from dtab import NEG, Alt, Leaf, NameTree, Ok, Path
from noderouter.core.computed import Reading
from noderouter.naming.k8s_spelling import ports
from noderouter.naming.lookup import Lookup, Namer
from noderouter.naming.namer.kind import NamerKind
from noderouter.naming.runtime import Runtime
from noderouter.schema.fields import PathText


class K8sService(NamerKind):
    """Services, as names below `name`: `<name>/<namespace>/<port>/<service>`."""

    kind_name: ClassVar[str] = "io.l5d.k8s.service"

    name: PathText = Path.of("k8s")

    def make(self, runtime: Runtime) -> Namer:
        """Make the namer."""
        return K8sServiceNamer(self.full_prefix, self.name)


class K8sServiceNamer(Namer):
    """Answers the ports that a name means, as alternatives; Neg where it cannot be a Service."""

    def __init__(self, prefix: Path, name: Path) -> None:
        self.prefix = prefix
        self._name = name

    def lookup(self, path: Path, reading: Reading) -> Lookup:
        """Rewrite `path`."""
        found = ports(path.labels)
        if found is None:
            return Ok(NEG)
        leaves: list[NameTree[Path]] = [Leaf(Path(self._name.labels + labels)) for labels in found]
        return Ok(leaves[0] if len(leaves) == 1 else Alt(tuple(leaves)))
