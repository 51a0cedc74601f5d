"""What policies mean together, against a reading of the same rules that is written plainly.

Covers `judge.py`, `workloads.py`.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.policy.compile import Compiled, rules_for
from noderouter.policy.model import Policies, parse_policies
from noderouter.policy.paths import Paths, readable
from noderouter.policy.workloads import Source, Workload

WEB = Workload("prod", "web-1", "prod/web", frozenset({("app", "web"), ("tier", "front")}), "web")
FRONT = Workload("prod", "front-1", "prod/front", frozenset(), "front")
DB = Workload("prod", "db-1", "prod/db", frozenset({("app", "db")}), "db")
SPY = Workload("test", "spy-1", "test/spy", frozenset(), "spy")
PLACE = "10.1.0.9"


def compiled(text: str) -> Compiled:
    found = parse_policies(text)
    assert isinstance(found, Policies), found
    return Compiled(found)


def judged(
    text: str,
    source: Workload | str = SPY,
    method: str = "GET",
    target: str = "/",
    *,
    workload: Workload | None = WEB,
    port: int = 80,
    claims: dict | None = None,
    flow: bool = False,
) -> int | str:
    """`allowed`, or the policy that refuses; 400 for a path that can be read in two ways."""
    known = Source("10.1.0.1", source) if isinstance(source, Workload) else Source(source)
    rules = rules_for(compiled(text).selecting(workload, [PLACE]), known, workload, PLACE, port)
    refusal = rules.judge(method.encode(), target.encode(), claims, flow)
    if refusal is None:
        return "allowed"
    return refusal.policy if refusal.status == 403 else refusal.status


def policy(action: str, rules: str = "[{}]", to: str = "{}", name: str = "p") -> str:
    return f"- {{name: {name}, action: {action}, to: {to}, rules: {rules}}}\n"


def test_without_policies_all_is_allowed():
    assert judged("[]") == "allowed"
    assert judged("[]", "203.0.113.9", flow=True) == "allowed"


@pytest.mark.parametrize(
    ("to", "selected"),
    [
        ("{}", True),
        ("{namespace: prod}", True),
        ("{namespace: test}", False),
        ("{pods: {app: web}}", True),
        ("{pods: {app: web, tier: front}}", True),
        ("{pods: {app: web, tier: back}}", False),
        ("{serviceAccount: prod/web}", True),
        ("{serviceAccount: prod/other}", False),
        ("{external: [0.0.0.0/0]}", False),
    ],
)
def test_whom_a_policy_is_for(to, selected):
    assert judged(policy("deny", to=to)) == ("p" if selected else "allowed")


def test_what_is_no_pod_of_this_node_is_external():
    inside = policy("deny", to="{external: [10.1.0.0/16]}")
    assert judged(inside, workload=None) == "p"
    assert judged(policy("deny", to="{external: [10.2.0.0/16]}"), workload=None) == "allowed"
    assert judged(policy("deny"), workload=None) == "allowed"


@pytest.mark.parametrize(
    ("peer", "front", "spy", "stranger"),
    [
        ("{serviceAccount: prod/front}", True, False, False),
        ("{namespace: prod}", True, False, False),
        ("{ip: 203.0.113.0/24}", False, False, True),
        ("{ip: 10.1.0.1}", True, True, False),
        ("{ip: 'fd00::/8'}", False, False, False),
        ("{serviceAccount: 'spiffe://other/ns/prod/sa/front'}", False, False, False),
    ],
)
def test_sources(peer, front, spy, stranger):
    sources = [(FRONT, front), (SPY, spy), ("203.0.113.9", stranger)]
    for source, expected in sources:
        assert (judged(policy("deny", f"[{{from: [{peer}]}}]"), source) == "p") is expected
        assert (judged(policy("allow", f"[{{from: [{peer}]}}]"), source) == "allowed") is expected


def test_who_is_not_known_is_not_excepted_and_not_let_in():
    assert judged(policy("deny", "[{notFrom: [{namespace: prod}]}]"), "203.0.113.9") == "p"
    assert judged(policy("deny", "[{notFrom: [{namespace: prod}]}]"), FRONT) == "allowed"
    allow = policy("allow", "[{from: [{ip: 0.0.0.0/0}], notFrom: [{namespace: test}]}]")
    assert judged(allow, FRONT) == "allowed"
    assert judged(allow, SPY) == "p"
    assert judged(allow, "203.0.113.9") == "p", "it may be a pod of that namespace, for all that is known"


def test_deny_is_stronger_and_one_allow_is_enough():
    two = policy("allow", "[{from: [{namespace: prod}]}]", name="a") + policy("allow", "[{ports: [80]}]", name="b")
    assert judged(two, SPY) == "allowed"
    assert judged(two, SPY, port=81) == "a, b"
    assert judged(two + policy("deny", name="d"), FRONT) == "d"


def test_many_allows_are_not_all_named():
    many = "".join(policy("allow", "[{ports: [1]}]", name=f"a{n}") for n in range(5))
    assert judged(many) == "a0, a1, a2 and 2 more"


def test_methods_and_paths():
    rules = policy("allow", "[{http: {methods: [GET], paths: [/api/**]}}]")
    assert judged(rules, target="/api/x") == "allowed"
    assert judged(rules, target="/api/x?q=//") == "allowed"
    assert judged(rules, method="get", target="/api/x") == "p", "methods are case-sensitive (RFC 9110 section 9.1)"
    assert judged(rules, method="POST", target="/api/x") == "p"
    assert judged(rules, target="/other") == "p"
    for target in ("/api/../admin", "//api", "/%61pi", "/api%2fx", "/api;x=1"):
        assert judged(rules, target=target) == 400
    assert judged(policy("allow", "[{http: {methods: [GET]}}]"), target="/api/../admin") == "allowed"
    assert judged(rules + policy("deny", name="d"), target="/api/../x") == "d", "no path decides"


def test_claims():
    rules = policy("allow", "[{claims: {iss: me, groups: [dev, ops]}}]")
    assert judged(rules) == "p"
    assert judged(rules, claims={"iss": "me"}) == "p"
    assert judged(rules, claims={"iss": "me", "groups": "dev"}) == "allowed"
    assert judged(rules, claims={"iss": "me", "groups": ["x", "ops"]}) == "allowed"
    assert judged(rules, claims={"iss": "you", "groups": ["dev"]}) == "p"
    for odd in (1, None, {"dev": 1}, [["dev"]], [1]):
        assert judged(rules, claims={"iss": "me", "groups": odd}) == "p"
    deny = policy("deny", "[{claims: {sub: mallory}}]")
    assert judged(deny) == "allowed"
    assert judged(deny, claims={"sub": "mallory"}) == "p"


def test_on_a_flow_a_deny_that_asks_for_http_applies_and_an_allow_does_not():
    for rule in ("[{http: {methods: [GET]}}]", "[{http: {paths: [/x]}}]", "[{claims: {sub: a}}]"):
        assert judged(policy("deny", rule), flow=True, target="db:5432", method="CONNECT") == "p"
        assert judged(policy("allow", rule), flow=True, target="db:5432", method="CONNECT") == "p"
    both = policy("allow", "[{http: {methods: [GET]}}, {ports: [80]}]")
    assert judged(both, flow=True, target="db:5432") == "allowed"


def test_audit_changes_nothing():
    assert judged(policy("audit")) == "allowed"
    assert judged(policy("audit", "[{http: {paths: [/x]}}]"), target="/a/../x") == "allowed"


# The same, read plainly

PEERS = [
    "{serviceAccount: prod/front}",
    "{namespace: prod}",
    "{namespace: test}",
    "{ip: 10.1.0.1}",
    "{ip: 203.0.113.0/24}",
]
RULES = st.fixed_dictionaries(
    {},
    optional={
        "from": st.lists(st.sampled_from(PEERS), min_size=1, max_size=2),
        "notFrom": st.lists(st.sampled_from(PEERS), min_size=1, max_size=2),
        "ports": st.lists(st.sampled_from(["80", "81"]), min_size=1, max_size=2),
        "methods": st.lists(st.sampled_from(["GET", "POST"]), min_size=1, max_size=2),
        "paths": st.lists(st.sampled_from(["/", "/a", "/a/**", "/*/b"]), min_size=1, max_size=2),
    },
)
POLICIES = st.lists(
    st.tuples(st.sampled_from(["deny", "allow", "audit"]), st.lists(RULES, min_size=1, max_size=3)), max_size=4
)
SOURCES = [FRONT, SPY, "203.0.113.9", "192.0.2.1"]


def written(policies) -> str:
    lines = []
    for number, (action, rules) in enumerate(policies):
        shown = []
        for rule in rules:
            keys = [f"{key}: [{', '.join(rule[key])}]" for key in ("from", "notFrom", "ports") if key in rule]
            http = [f"{key}: [{', '.join(rule[key])}]" for key in ("methods", "paths") if key in rule]
            shown.append("{" + ", ".join(keys + ([f"http: {{{', '.join(http)}}}"] if http else [])) + "}")
        lines.append(policy(action, f"[{', '.join(shown)}]", name=f"p{number}"))
    return "".join(lines) or "[]"


def is_peer(peer: str, source: Workload | str) -> bool | None:
    """Whether a source is this; None where nobody knows."""
    ip = "10.1.0.1" if isinstance(source, Workload) else source
    if "ip:" in peer:
        return ip == "10.1.0.1" if "10.1" in peer else ip.startswith("203.0.113.")
    if not isinstance(source, Workload):
        return None
    return source.account == "prod/front" if "Account" in peer else source.namespace in peer


def matches(rule, action: str, source, port: int, method: str, target: str, flow: bool) -> bool:
    if "from" in rule and not any(is_peer(peer, source) for peer in rule["from"]):
        return False
    excepted = [is_peer(peer, source) for peer in rule.get("notFrom", ())]
    if any(excepted) or (action == "allow" and None in excepted):
        return False
    if "ports" in rule and str(port) not in rule["ports"]:
        return False
    if flow and ("methods" in rule or "paths" in rule):
        return action == "deny"
    if "methods" in rule and method not in rule["methods"]:
        return False
    return "paths" not in rule or any(plainly(pattern, target) for pattern in rule["paths"])


def plainly(pattern: str, target: str) -> bool:
    if pattern.endswith("/**"):
        return target == pattern[:-3] or target.startswith(pattern[:-2])
    have, want = target.split("/"), pattern.split("/")
    return len(have) == len(want) and all(w in ("*", h) for h, w in zip(have, want, strict=True))


@given(
    POLICIES,
    st.sampled_from(SOURCES),
    st.sampled_from([80, 81]),
    st.sampled_from(["GET", "POST"]),
    st.sampled_from(["/", "/a", "/a/b", "/c"]),
    st.booleans(),
)
def test_the_same_as_read_plainly(policies, source, port, method, target, flow):
    policies = [
        (action, [rule for rule in rules if action != "allow" or "notFrom" not in rule or "from" in rule])
        for action, rules in policies
    ]
    policies = [(action, rules) for action, rules in policies if rules]

    def any_of(wanted: str) -> bool:
        return any(
            matches(rule, action, source, port, method, target, flow)
            for action, rules in policies
            if action == wanted
            for rule in rules
        )

    allows = any(action == "allow" for action, _ in policies)
    expected = not any_of("deny") and (not allows or any_of("allow"))
    found = judged(written(policies), source, method, target, port=port, flow=flow)
    assert (found == "allowed") is expected


@given(st.binary(max_size=20).map(lambda text: b"/" + text))
def test_no_bytes_get_past_a_deny_of_every_path(target):
    text = policy("deny", "[{http: {paths: [/**]}}]")
    rules = rules_for(compiled(text).selecting(WEB, [PLACE]), Source("192.0.2.1"), WEB, PLACE, 80)
    refusal = rules.judge(b"GET", target, None, False)
    assert refusal is not None
    assert refusal.status == (400 if readable(target) is None else 403)
    assert Paths(()).match(target) is False
