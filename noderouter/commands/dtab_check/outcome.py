"""Where a name leads: shares of bound names, or why it leads nowhere. Two dtabs are compared by this alone.

`9 * /a & 1 * /b` and `90 * /a & 10 * /b` are the same outcome; so are ways that differ and end at the same place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isclose
from typing import Any, Final

from dtab import EMPTY, FAIL, NEG, Alt, Bound, Dtab, Failed, Leaf, NameTree, Path, Pending, Union, Weighted, bind
from dtab.symbolic import lookup

NOWHERE: Final[Mapping[NameTree[Any], str]] = {
    NEG: "nowhere: no such name",
    FAIL: "nowhere: it fails (!)",
    EMPTY: "nowhere: without endpoints ($)",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Bound names, or words where there is none, with their shares of the requests, which add up to 1."""

    shares: tuple[tuple[str, float], ...]

    def same(self, other: "Outcome") -> bool:
        """Whether requests go to the same places, in the same shares."""
        if len(self.shares) != len(other.shares):
            return False
        pairs = zip(self.shares, other.shares, strict=True)
        return all(one == two and isclose(here, there, abs_tol=1e-9) for (one, here), (two, there) in pairs)

    def __str__(self) -> str:
        if len(self.shares) == 1:
            return self.shares[0][0]
        return ", ".join(f"{share:.4g} of {name}" for name, share in self.shares)


def symbolic(path: Path, dtab: Dtab) -> Outcome:
    """Return where a name leads if every namer knows every name below `/#/`."""
    match bind(dtab, path, lookup).result:
        case Failed(message):
            return Outcome(((f"nowhere: {message}", 1.0),))
        case Pending():
            return Outcome((("not known yet", 1.0),))
        case ok:
            return outcome_of(ok.tree.map(_id))


def outcome_of(tree: NameTree[str]) -> Outcome:
    """Return the outcome of a bound tree, whose leaves are ids."""
    shares: dict[str, float] = {}
    todo: list[tuple[NameTree[str], float]] = [(tree, 1.0)]
    while todo:
        node, share = todo.pop()
        match node:
            case Leaf(name):
                shares[name] = shares.get(name, 0.0) + share
            case Union(branches):
                todo.extend(_divided(branches, share))
            case Alt(trees):
                todo.append((next((one for one in trees if one is not NEG), NEG), share))
            case _:
                shares[NOWHERE[node]] = shares.get(NOWHERE[node], 0.0) + share
    return Outcome(tuple(sorted((name, share) for name, share in shares.items() if share)))


def tree_of(node: Mapping[str, Any]) -> NameTree[str]:
    """Return the bound tree that the JSON of `/delegator.json` comes to, though it shows every alternative.

    Raises:
        ValueError, KeyError, TypeError: it is no such JSON.
    """
    match node["type"]:
        case "leaf":
            return Leaf(str(node["bound"]["id"]))
        case "delegate":
            return tree_of(node["delegate"])
        case "transformation":
            return tree_of(node["tree"])
        case "alt":
            return next((tree for child in node["alt"] if (tree := tree_of(child)) is not NEG), NEG)
        case "union":
            branches = [(float(each["weight"]), tree_of(each["tree"])) for each in node["union"]]
            kept = tuple(Weighted(weight, tree) for weight, tree in branches if tree not in (NEG, FAIL))
            return Union(kept) if kept else NEG
        case "neg":
            return NEG
        case "fail":
            return FAIL
        case "empty":
            return EMPTY
        case "exception":
            return Leaf(f"nowhere: {node['message']}")
        case "pending":
            return Leaf("not known within two seconds")
        case other:
            raise ValueError(f"unknown type {other!r}")


def _divided(branches: Sequence[Weighted[str]], share: float) -> list[tuple[NameTree[str], float]]:
    """Return the share of each branch of a union; weights that are all zero are equal ones."""
    total = sum(branch.weight for branch in branches)
    if not total:
        return [(branch.tree, share / len(branches)) for branch in branches]
    return [(branch.tree, share * branch.weight / total) for branch in branches]


def _id(bound: Bound) -> str:
    return bound.id.show()
