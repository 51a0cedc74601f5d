"""What is kept of the last minutes."""

from noderouter.policy import recent as module
from noderouter.policy.compile import rules_for
from noderouter.policy.recent import MINUTES, Recent
from noderouter.policy.workloads import Source
from tests.noderouter.policy.test_compile import FRONT, WEB

RULES = rules_for([], Source("10.1.0.1", FRONT), WEB, "10.1.0.9", 80)
STRANGER = rules_for([], Source("203.0.113.9"), None, "198.51.100.1", 443)


def seen(target: bytes = b"/", rules=RULES, method: bytes = b"GET", flow: bool = False, issuer: str = ""):
    return rules, method, target, flow, issuer


def noted(recent: Recent, requests, now: float) -> None:
    for each in requests:
        recent.note(each, now)


def counted(recent: Recent, minutes: int = MINUTES, now: float = 0.0) -> dict[bytes, int]:
    return {row.target: count for row, count in recent.rows(minutes, now) if count}


def test_what_is_told_apart():
    recent = Recent()
    noted(recent, [seen(b"/a/b/c?secret=1"), seen(b"/a/b/d"), seen(b"/a/c"), seen(b"/a/b/d", method=b"PUT")], 0.0)
    noted(recent, [seen(b"/a/b/d", rules=STRANGER), seen(b"db:1", flow=True), seen(b"/a/b/d", issuer="me")], 1.0)
    assert len(recent) == 6
    assert sorted(count for _, count in recent.rows(MINUTES, 1.0)) == [1, 1, 1, 1, 1, 2]
    assert all(b"?" not in row.target for row, _ in recent.rows(MINUTES, 1.0))


def test_minutes_pass():
    recent = Recent()
    noted(recent, [seen(b"/old")] * 3, 0.0)
    noted(recent, [seen(b"/old"), seen(b"/new")], 60.0)
    assert counted(recent, now=60.0) == {b"/old": 4, b"/new": 1}
    assert counted(recent, 1, 60.0) == {b"/old": 1, b"/new": 1}
    assert counted(recent, now=60.0 * MINUTES) == {b"/old": 1, b"/new": 1}
    assert counted(recent, now=60.0 * (MINUTES + 1)) == {}


def test_a_long_pause_leaves_nothing():
    recent = Recent()
    noted(recent, [seen()], 0.0)
    noted(recent, [seen(b"/x")], 1e6)
    assert counted(recent, now=1e6) == {b"/x": 1}


def test_what_nobody_asks_for_any_more_is_dropped():
    recent = Recent()
    noted(recent, [seen(b"/old"), seen(b"/new")], 0.0)
    noted(recent, [seen(b"/new")], 60.0)
    assert len(list(recent.expire(60.0 * (MINUTES - 1)))) == 2
    assert len(recent) == 2
    assert len(list(recent.expire(60.0 * MINUTES))) == 2
    assert counted(recent, now=60.0 * MINUTES) == {b"/new": 1}
    assert len(recent) == 1


def test_rows_are_bounded(monkeypatch):
    monkeypatch.setattr(module, "MOST_ROWS", 10)
    recent = Recent()
    noted(recent, [seen(b"/%d" % n) for n in range(100)], 0.0)
    assert (len(recent), recent.overflow) == (10, 90)
    noted(recent, [seen(b"/0")], 0.0)
    assert counted(recent)[b"/0"] == 2
