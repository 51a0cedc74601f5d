"""A delegation as a tree for people: each step, what caused it, and which alternatives were not tried.

Not by recursion, since names nest as deep as a dtab has them, and bounded, since a dtab may be a stranger's.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from dtab import NEG, Delegation, Dtab
from dtab.steps import Choice, Dead, Delegate, Found, Split, Transformed, Trouble, Waiting, below
from dtab.steps import Node as Step
from noderouter.admin.dashboard.numbers import plural
from noderouter.admin.dashboard.seen import Client
from noderouter.admin.dashboard.view import Node, State
from noderouter.core.addr import AddrBound, AddrFailed, AddrNeg

MOST_STEPS: Final = 400
SHOWN: Final = 300
"""Characters of a name, or of a dentry's right side."""


def tree_of(delegation: Delegation, dtab: Dtab | None, clients: Mapping[str, Client]) -> tuple[Node, bool]:
    """Return the tree, and whether steps were left out; dentries have their numbers in `dtab`, from 1 on."""
    numbers = {id(dentry): number for number, dentry in enumerate(dtab or (), start=1)}
    steps, cut = _some(delegation.root)
    tried = _tried(steps)
    made: dict[int, Node] = {}
    for step in reversed(steps):
        kids = [made[id(child)] for child in below(step) if id(child) in made]
        if isinstance(step, Split):
            total = sum(weight for weight, _ in step.branches) or 1.0
            weights = {id(child): weight / total for weight, child in step.branches}
            kids = [replace(made[id(child)], share=weights[id(child)]) for child in below(step) if id(child) in made]
        made[id(step)] = _node(step, tuple(kids), numbers, id(step) in tried, clients)
    return made[id(delegation.root)], cut


def used(delegation: Delegation, dtab: Dtab) -> set[int]:
    """Return the numbers of the dentries that took part in what counts."""
    numbers = {id(dentry): number for number, dentry in enumerate(dtab, start=1)}
    steps, _ = _some(delegation.root)
    tried = _tried(steps)
    return {numbers[id(step.dentry)] for step in steps if id(step) in tried and id(step.dentry) in numbers}


def _some(root: Step) -> tuple[list[Step], bool]:
    """Return the steps in their order, each before those below it."""
    found: list[Step] = []
    todo = [root]
    while todo and len(found) < MOST_STEPS:
        step = todo.pop()
        found.append(step)
        todo += reversed(below(step))
    return found, bool(todo)


def _tried(steps: list[Step]) -> set[int]:
    """Return which steps count: of alternatives those up to the first that is not negative."""
    positive: dict[int, bool] = {}
    for step in reversed(steps):
        kids = [positive.get(id(child), True) for child in below(step)]
        match step:
            case Dead(tree=tree):
                positive[id(step)] = tree is not NEG
            case Choice() | Split():
                positive[id(step)] = any(kids)
            case Delegate() | Transformed():
                positive[id(step)] = kids[0]
            case _:
                positive[id(step)] = True
    counts = {id(steps[0])}
    for step in steps:
        if id(step) not in counts:
            continue
        for child in below(step):
            counts.add(id(child))
            if isinstance(step, Choice) and positive.get(id(child), True):
                break
    return counts


def _node(
    step: Step, kids: tuple[Node, ...], numbers: Mapping[int, int], tried: bool, clients: Mapping[str, Client]
) -> Node:
    number = numbers.get(id(step.dentry), 0)
    cause = ""
    if step.dentry is not None:
        dst = step.dentry.dst.show()
        cause = f"{step.dentry.prefix.show()} => {dst if len(dst) <= 60 else dst[:59] + '…'}"
    name = _shown(step.path.show())
    state: State | None = None
    word = ""
    if not tried:
        state, word = State.OFF, "not tried"
    match step:
        case Found(bound=bound):
            leaf, state_, word_ = _bound(bound.id.show(), bound.addr, clients)
            if leaf != name:
                kids = (Node(leaf, "the namer", None, state or state_, word or word_),)
            else:
                state, word = state or state_, word or word_
        case Dead(tree=tree):
            state, word = state or State.OFF, word or {"~": "no such name"}.get(tree.show(), tree.show())
        case Trouble(message=message):
            state, word = State.BAD, _shown(message)
        case Waiting():
            state, word = State.WARN, "not known yet"
        case Choice() if tried:
            word = "the first of"
        case Split() if tried:
            word = "each request takes one, by weight"
        case Transformed(name=transformer) if tried:
            word = f"changed by {transformer}"
    if state is None and word:
        name, word = f"{name}   ({word})", ""
    return Node(name, cause, None, state, word, kids, number)


def _bound(id_: str, addr: object, clients: Mapping[str, Client]) -> tuple[str, State, str]:
    match addr:
        case AddrBound(addresses=addresses, meta=meta) if not addresses and dict(meta).get("status"):
            return id_, State.OK, f"answers {dict(meta)['status']}"
        case AddrBound(addresses=addresses):
            client = clients.get(id_)
            number = len(addresses)
            if not number:
                return id_, State.WARN, "bound, no endpoint"
            if client is None or len(client.endpoints) != number:
                return id_, State.OK, f"bound, {plural(number, 'endpoint')}"
            state = State.OK if client.serving == number else State.WARN
            return id_, state, f"{client.serving} of {number} up"
        case AddrNeg():
            return id_, State.WARN, "no address"
        case AddrFailed(cause=cause):
            return id_, State.BAD, _shown(cause)
        case _:
            return id_, State.WARN, "not known yet"


def _shown(text: str) -> str:
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
