import pytest
from pydantic import ValidationError

from dtab import Bound, Leaf, Path
from noderouter.core.addr import AddrBound
from noderouter.core.var import Var
from noderouter.naming.transformer.kind import TransformerKind
from noderouter.schema.kind import kind_field, kinds_in

FIELD = kind_field(TransformerKind, "noderouter.naming.transformer")
KEYS = {
    "io.l5d.const": {"path": "/$/inet/10.0.0.1/80"},
    "io.l5d.k8s.daemonset": {"namespace": "mesh", "service": "l5d", "port": "incoming", "k8sHost": "localhost"},
    "io.l5d.k8s.localnode": {"hostNetwork": True},
    "io.l5d.localhost": {},
    "io.l5d.port": {"port": 4141},
    "io.l5d.replace": {"path": "/$/inet/10.0.0.1/80"},
    "io.l5d.specificHost": {"host": "10.0.0.1"},
}
DETAILS = {
    "io.l5d.k8s.daemonset": "/mesh/incoming/l5d",
    "io.l5d.k8s.localnode": "/node-1",
    "io.l5d.port": "/4141",
    "io.l5d.specificHost": "/10.0.0.1",
}
"""What tells one of a kind from others, and stands in its prefix."""


def test_the_kinds_of_linkerd_are_there():
    assert set(kinds_in("noderouter.naming.transformer", TransformerKind)) == {
        "io.l5d.const",
        "io.l5d.k8s.daemonset",
        "io.l5d.k8s.localnode",
        "io.l5d.localhost",
        "io.l5d.port",
        "io.l5d.replace",
        "io.l5d.specificHost",
    }


@pytest.mark.parametrize("kind", KEYS)
async def test_the_prefix_names_the_kind_unless_it_is_configured(kind, runtime, monkeypatch):
    monkeypatch.setenv("NODE_NAME", "node-1")
    tree = Leaf(Bound(Path.of("#", "x"), Path.EMPTY, Var(AddrBound(frozenset()))))
    bound = "/$/inet/10.0.0.1/80" if "path" in KEYS[kind] else "/#/x"
    for given, expected in ({}, f"/{kind}{DETAILS.get(kind, '')}"), ({"prefix": "/via/router"}, "/via/router"):
        transformer = FIELD.validate({"kind": kind, **KEYS[kind], **given}).build(runtime)
        (leaf,) = transformer.transform(tree).leaves()
        assert leaf.id.show() == "/%" + expected + bound
        assert transformer.prefix.show() == "/%" + expected


@pytest.mark.parametrize("prefix", ["/", "/#/x", "/a/$"])
def test_a_prefix_must_not_look_like_a_name(prefix):
    with pytest.raises(ValidationError, match="cannot be a transformer's prefix"):
        FIELD.validate({"kind": "io.l5d.localhost", "prefix": prefix})
