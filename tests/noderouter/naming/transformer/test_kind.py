from noderouter.config.kind import kind_field, kinds_in
from noderouter.naming.transformer.kind import TransformerKind


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


def test_the_prefix_names_the_kind():
    kind = kind_field(TransformerKind, "noderouter.naming.transformer").validate({"kind": "io.l5d.localhost"})
    assert kind.prefix.show() == "/%/io.l5d.localhost"
