"""A delegation as a tree: causes, shares, and what was not tried."""

import pytest

from dtab import Dtab, Path
from noderouter.admin.dashboard.delegation import MOST_STEPS, tree_of, used
from noderouter.admin.dashboard.view import Node, State
from tests.testing.dashboard import CANARY, DTAB, WEB, client, endpoint, explored

KNOWN = {WEB: 6, CANARY: 1}


def shown(path: str, dtab: Dtab = DTAB, **clients: object) -> Node:
    tree, cut = tree_of(explored(Path.parse(path), dtab, KNOWN), dtab, clients)  # type: ignore[arg-type]
    assert not cut
    return tree


def flat(node: Node, depth: int = 0) -> list[tuple[int, str, int, float | None, str]]:
    found = [(depth, node.name, node.dentry, node.share, node.word)]
    for child in node.below:
        found += flat(child, depth + 1)
    return found


def test_each_step_has_its_dentry_and_its_share() -> None:
    found = flat(shown("/svc/web.shop"))
    leaves = [each for each in found if each[4].startswith("bound")]
    assert [(each[1], each[4]) for each in leaves] == [(WEB, "bound, 6 endpoints"), (CANARY, "bound, 1 endpoint")]
    assert {each[2] for each in leaves} == {1}
    assert [each[3] for each in found if each[3] is not None] == pytest.approx([0.95, 0.05])
    assert 4 in {each[2] for each in found}


def test_what_comes_behind_the_first_that_counts_was_not_tried() -> None:
    found = flat(shown("/svc/web.shop"))
    assert "not tried" in [each[4] for each in found]
    assert used(explored(Path.parse("/svc/web.shop"), DTAB, KNOWN), DTAB) == {1, 4}


def test_alternatives_that_do_not_exist_give_way() -> None:
    dtab = Dtab.parse("/svc => /#/io.l5d.k8s/shop/http/web ; /svc => /#/nothing ;")
    tree, _ = tree_of(explored(Path.parse("/svc"), dtab, KNOWN), dtab, {})
    words = {each[1].partition(" ")[0]: each[4] for each in flat(tree)}
    assert words["/#/nothing"] == "no such name"
    assert words[WEB] == "bound, 6 endpoints"
    assert used(explored(Path.parse("/svc"), dtab, KNOWN), dtab) == {1, 2}


def test_endpoints_that_are_out_are_told() -> None:
    nodes = [endpoint(f"10.8.{n}.14:8080", WEB, out="ejected" if n == 1 else "") for n in range(1, 7)]
    tree, _ = tree_of(explored(Path.parse("/svc/web.shop"), DTAB, KNOWN), DTAB, {WEB: client(WEB, nodes)})
    assert "5 of 6 up" in [each[4] for each in flat(tree)]


def test_a_delegation_is_bounded() -> None:
    dtab = Dtab.parse("/a => " + " | ".join(f"/x{n}" for n in range(MOST_STEPS + 50)) + " ;")
    tree, cut = tree_of(explored(Path.parse("/a"), dtab, {}), dtab, {})
    assert cut
    assert len(flat(tree)) <= MOST_STEPS
    assert tree.state is not State.OK
