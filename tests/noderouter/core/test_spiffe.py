"""What is the id of a workload, and what only looks like one."""

import pytest

from noderouter.core.spiffe import is_spiffe, is_workload
from tests.testing.svid import FRONT


@pytest.mark.parametrize(
    "uri", [FRONT, "spiffe://a/b", "spiffe://1.2.3.4/ns-x/.hidden/a..b/_", f"spiffe://a/{'b' * 2037}"]
)
def test_ids_of_workloads(uri: str) -> None:
    assert is_spiffe(uri)
    assert is_workload(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "spiffe://cluster.local", "spiffe://cluster.local/", "spiffe:///ns", "spiffe:cluster.local/ns", "SPIFFE://a/b",
        f"{FRONT}/", "spiffe://a//b", "spiffe://a/./b", "spiffe://a/..", "spiffe://a/../b", "spiffe://a/b/.",
        "spiffe://Cluster.local/ns", "spiffe://a:443/b", "spiffe://u@a/b", f"{FRONT}?x", f"{FRONT}#x", "spiffe://a/%2f",
        "spiffe://a/b\n", "spiffe://a/\u00e9", f"spiffe://a/{'b' * 2038}", f"spiffe://{'a' * 256}/b",
    ],
)  # fmt: skip
def test_what_is_none(uri: str) -> None:
    assert is_spiffe(uri)
    assert not is_workload(uri)


def test_other_schemes_say_nothing_of_it() -> None:
    assert not is_spiffe("https://a/spiffe:")
