"""Where the admin interface finds what namers, transformers and interpreters know."""

from dtab import Dtab, Path
from noderouter.core.var import Var
from noderouter.naming.interpreter.interpreter import Interpreter, Sources
from noderouter.naming.interpreter.states import states
from noderouter.naming.lookup import Namer
from noderouter.naming.namer.kind import TransformedNamer
from noderouter.naming.transformer.kind import Transformer


class Knowing(Namer):
    def __init__(self, prefix, what):
        self.prefix = Path.parse(prefix)
        self.what = what

    def state(self):
        return {"is": self.what}


class Watching(Transformer):
    prefix = Path.parse("/%/io.l5d.watching/x")

    def transform(self, tree):
        return tree

    def state(self):
        return {"is": "transformer"}


class Plain(Transformer):
    prefix = Path.parse("/%/io.l5d.plain")


class Stored(Interpreter):
    def state(self):
        return {"is": "interpreter"}


def test_each_has_its_path():
    inner = TransformedNamer(Knowing("/#/io.l5d.k8s.ds", "namer"), (Watching(), Plain()))
    sources = Sources(Var(Dtab.EMPTY), [inner], Knowing("/$", "utility"))
    interpreters = {
        ("out", "io.l5d.k8s.configMap"): Stored(sources, Var(Dtab.EMPTY), (Watching(),)),
        ("in", "default"): Interpreter(sources, Var(Dtab.EMPTY), (Plain(),)),
    }
    found = states([inner, Knowing("/#/a/b", "first"), Knowing("/#/a/b", "second")], interpreters)
    assert {path: show() for path, show in found.items()} == {
        "/namer_state/io.l5d.k8s.ds.json": {"is": "namer"},
        "/namer_state/io.l5d.watching/x.json": [{"is": "transformer"}, {"is": "transformer"}],
        "/namer_state/a/b.json": [{"is": "first"}, {"is": "second"}],
        "/out/interpreter_state/io.l5d.k8s.configMap.json": {"is": "interpreter"},
        "/out/interpreter_state/io.l5d.k8s.configmap.json": {"is": "interpreter"},
    }
