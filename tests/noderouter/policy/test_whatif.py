"""What other policies would have done."""

from noderouter.policy import whatif as module
from noderouter.policy.recent import MINUTES, Recent
from noderouter.policy.whatif import what_if
from tests.noderouter.policy.test_compile import compiled, policy
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
