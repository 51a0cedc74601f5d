from noderouter.naming.interpreter.kind import InterpreterKind
from noderouter.schema.kind import kind_field, kinds_in

FIELD = kind_field(InterpreterKind, "noderouter.naming.interpreter")


def test_the_kinds_that_need_no_kubernetes_are_there():
    assert {"default", "io.l5d.fs"} <= set(kinds_in("noderouter.naming.interpreter", InterpreterKind))


async def test_transformers_are_built_in_order(runtime):
    kind = FIELD.validate(
        {"kind": "default", "transformers": [{"kind": "io.l5d.localhost"}, {"kind": "io.l5d.port", "port": 1}]}
    )
    prefixes = [transformer.prefix.show() for transformer in kind.built_transformers(runtime)]
    assert prefixes == ["/%/io.l5d.localhost", "/%/io.l5d.port/1"]
