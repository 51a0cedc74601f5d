"""The namer behind `io.l5d.k8s`, `io.l5d.k8s.ns` and `io.l5d.k8s.external`: one target for each name."""

from typing import Any
from weakref import WeakValueDictionary

from dtab import NEG, Bound, Failed, Leaf, Ok, Path, Pending
from noderouter.core.computed import Reading
from noderouter.kubernetes.clusters import Cluster
from noderouter.naming.dns.resolver import Resolver
from noderouter.naming.k8s_path import PathForm, TargetName
from noderouter.naming.k8s_target import Answer, Target
from noderouter.naming.lookup import Lookup, Namer


class K8sNamer(Namer):
    """Answers names of the given form."""

    def __init__(
        self, prefix: Path, form: PathForm, cluster: Cluster, resolver: Resolver, make: type[Target] = Target
    ) -> None:
        """`make` is the class of targets."""
        self.prefix = prefix
        self.cluster = cluster
        self._form = form
        self._resolver = resolver
        self._make = make
        # The same name gives the same Vars, so that who compares Vars sees no change where there is none.
        self._targets: WeakValueDictionary[TargetName, Target] = WeakValueDictionary()

    def lookup(self, path: Path, reading: Reading) -> Lookup:
        """Answer a path; one that cannot name anything is Neg."""
        name = self._form.parse(path)
        if name is None:
            return Ok(NEG)
        target = self.target(name)
        answer = reading.read(target.answer)
        if isinstance(answer, Pending | Failed):
            return answer
        if answer is Answer.NEG:
            return Ok(NEG)
        return Ok(Leaf(Bound(self.prefix + self._form.id(path), path.drop(self._form.size), target.addr)))

    def target(self, name: TargetName) -> Target:
        """Return the target of a name."""
        target = self._targets.get(name)
        if target is None:
            target = self._targets[name] = self._make(name, self.cluster, self._resolver)
        return target

    def state(self) -> dict[str, Any]:
        """Return what is known of the names in use, and the health of the watches (docs/linkerd1.md section 7.4)."""
        targets = sorted(self._targets.values(), key=lambda target: target.name.key)
        return {
            "endpoints": {target.name.key: target.state() for target in targets},
            "portMappings": {target.name.key: ports for target in targets if (ports := target.ports())},
            "cluster": self.cluster.state(),
        }
