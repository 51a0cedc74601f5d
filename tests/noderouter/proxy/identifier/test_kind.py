from noderouter.proxy.identifier.kind import IdentifierKind
from noderouter.schema.kind import kinds_in


def test_the_kinds_of_the_first_release_are_there():
    assert {
        "io.l5d.header",
        "io.l5d.header.token",
        "io.l5d.methodAndHost",
        "io.l5d.path",
        "io.l5d.static",
    } <= set(kinds_in("noderouter.proxy.identifier", IdentifierKind))
