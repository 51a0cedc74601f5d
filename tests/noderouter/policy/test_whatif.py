"""What other policies would have done."""

from noderouter.policy import whatif as module
from noderouter.policy.compile import rules_for
from noderouter.policy.recent import MINUTES, Recent
from noderouter.policy.whatif import what_if
from noderouter.policy.workloads import Source
from tests.noderouter.policy.test_compile import DB, WEB, compiled, policy
from tests.noderouter.policy.test_recent import STRANGER, seen

OUTSIDE = policy("deny", to="{external: [198.51.100.0/24]}", name="outside")


def rows(*told):
    recent = Recent()
    for each in told:
        recent.note(each, 0.0)
    return list(recent.rows(MINUTES, 0.0))


async def test_who_would_be_refused():
    seen_rows = rows(*[seen(b"/admin/x")] * 3, seen(b"/api"), seen(b"/api", rules=STRANGER), seen(b"/a//b"))
    proposed = compiled(policy("deny", "[{http: {paths: [/admin/**]}}]"))
    answer = await what_if(proposed, compiled(OUTSIDE), seen_rows)
    assert {key: answer[key] for key in ("requests", "refused", "refusedNow", "notShown")} == {
        "requests": 6,
        "refused": 4,
        "refusedNow": 1,
        "notShown": 0,
    }
    first, *rest = answer["changed"]
    assert first == {
        "requests": 3,
        "source": "prod/front",
        "destination": "prod/web-1",
        "port": 80,
        "method": "GET",
        "path": "/admin/x",
        "then": "refused",
        "policy": "p",
        "why": "policy p denies it",
        "claims": False,
    }
    assert sorted((row["then"], row["destination"]) for row in rest) == [
        ("allowed", "198.51.100.1"),
        ("refused", "prod/web-1"),
    ]


async def test_an_address_in_another_spelling():
    """It reaches the same, and policies are for it then."""
    spelled = rules_for(
        [], Source("203.0.113.9"), None, "64:ff9b::c633:6401", 443, ("64:ff9b::c633:6401", "198.51.100.1")
    )
    answer = await what_if(compiled(OUTSIDE), None, rows(seen(rules=spelled)))
    assert answer["refused"] == 1


async def test_rules_that_come_and_go_meanwhile_are_not_taken_for_each_other():
    """An object that is made when another has gone may have its number."""

    def passing():
        for number in range(50):
            workload = DB if number % 2 else WEB
            yield from rows(seen(b"/%d" % number, rules=rules_for([], STRANGER.source, workload, "10.1.0.9", 80)))

    proposed = compiled(policy("deny", to="{pods: {app: web}}"))
    answer = await what_if(proposed, None, passing())
    assert answer["refused"] == 25
    assert {row["destination"] for row in answer["changed"]} == {"prod/web-1"}


async def test_without_policies_in_force(monkeypatch):
    monkeypatch.setattr(module, "MOST_SHOWN", 2)
    answer = await what_if(compiled(policy("deny")), None, rows(*[seen(b"/%d" % n) for n in range(5)]))
    assert (answer["refused"], answer["refusedNow"], len(answer["changed"]), answer["notShown"]) == (5, 0, 2, 3)


async def test_the_issuer_is_known_and_no_other_claim():
    told = rows(seen(issuer="me"), seen(b"/x/y", issuer="you"), seen(b"/flow", flow=True))
    answer = await what_if(compiled(policy("allow", "[{claims: {iss: me}}]")), None, told)
    assert answer["refused"] == 2
    assert [row["claims"] for row in answer["changed"]] == [True, True]
    assert {row["method"] for row in answer["changed"]} == {"GET", ""}
