"""Where the admin interface shows what namers and interpreters know (docs/linkerd1.md section 7.4).

    /namer_state/<prefix>.json                        a namer, or a transformer that watches something itself
    /<router>/interpreter_state/<kind>.json           an interpreter that does; in lower case, too, as Linkerd had it

Several that share a name are shown as a list.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from dtab import Path
from noderouter.naming.interpreter.interpreter import Interpreter
from noderouter.naming.lookup import Namer, State


def states(namers: Iterable[Namer], interpreters: Mapping[tuple[str, str], Interpreter]) -> dict[str, State]:
    """Return what can be shown, by its path. Interpreters come with the label of their router and their kind."""
    found: dict[str, list[State]] = {}

    def add(path: str, show: State) -> None:
        found.setdefault(path, []).append(show)

    def add_namer(name: Path, show: State) -> None:
        add(f"/namer_state{name.show()}.json", show)

    for namer in namers:
        for name, show in namer.states():
            add_namer(name, show)
    for (label, kind), interpreter in interpreters.items():
        if type(interpreter).state is not Interpreter.state:
            for spelling in dict.fromkeys((kind, kind.lower())):
                add(f"/{label.lstrip('/')}/interpreter_state/{spelling}.json", interpreter.state)
        for name, show in interpreter.transformer_states():
            add_namer(name, show)
    return {path: _together(shows) for path, shows in found.items()}


def _together(shows: list[State]) -> State:
    if len(shows) == 1:
        return shows[0]

    def all_of_them() -> Any:
        return [show() for show in shows]

    return all_of_them
