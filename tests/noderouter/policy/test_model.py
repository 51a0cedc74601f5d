"""What is a policy, what is none, and where that is told."""

import pytest

from noderouter.naming.stored.text import TextError
from noderouter.policy.model import MOST_MEMBERS, MOST_POLICIES, MOST_RULES, Policies, parse_policies, show_policies

DESIGNED = """\
- name: web-from-front
  to: {namespace: prod, pods: {app: web}}
  action: allow
  rules:
    - from: [{serviceAccount: prod/front}, {namespace: monitoring}, {ip: 10.8.0.0/16}]
      ports: [8080]
      http: {methods: [GET], paths: [/api/**, /health]}
      claims: {iss: https://issuer.example, groups: [dev]}
- name: no-admin
  to: {namespace: prod}
  action: deny
  rules: [{http: {paths: [/admin, /admin/**]}, notFrom: [{serviceAccount: prod/ops}]}]
"""


def parsed(text: str) -> Policies:
    found = parse_policies(text)
    assert isinstance(found, Policies), found
    return found


def test_every_key():
    first, second = parsed(DESIGNED).policies
    assert (first.name, first.action, first.to.namespace, first.to.pods) == (
        "web-from-front",
        "allow",
        "prod",
        {"app": "web"},
    )
    (rule,) = first.rules
    assert rule.from_ is not None
    assert [str(peer.ip) for peer in rule.from_ if peer.ip] == ["10.8.0.0/16"]
    assert rule.asks
    assert second.rules[0].notFrom is not None


def test_what_is_shown_is_read_again_as_the_same():
    policies = parsed(DESIGNED)
    shown = show_policies(policies).removeprefix('{"policies":').removesuffix("}")
    assert parsed(shown) == policies


def test_comments_and_blanks_do_not_count():
    assert show_policies(parsed(f"# why\n\n{DESIGNED}\n")) == show_policies(parsed(DESIGNED))
    assert show_policies(parsed(DESIGNED)) != show_policies(parsed(DESIGNED.replace("8080", "8081")))


def one(**keys: str) -> str:
    """A policy of one line, with some keys in place of its own."""
    written = {"name": "a", "action": "deny", "rules": "[{}]"} | keys
    return "- {" + ", ".join(f"{key}: {value}" for key, value in written.items() if value) + "}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (one(action="deni"), "did you mean deny?"),
        (one(action=""), "required key `action` is missing"),
        (one(action="~"), "policies[0].action: the key has no value"),
        (
            one(rules="[{from: , ports: [80]}]"),
            "policies[0].rules[0].from: the key has no value, which would mean everything",
        ),
        (one(rules="[{from: [{namespace: p}], notFrom: }]"), "rules[0].notFrom: the key has no value"),
        (one(rules="[{http: {methods: GET, paths: ~}}]"), "rules[0].http.paths: the key has no value"),
        (one(rules="[{from: [{ip: null, namespace: p}]}]"), "rules[0].from[0].ip: the key has no value"),
        (one(to="{external: }"), "policies[0].to.external: the key has no value"),
        (one(to="~"), "policies[0].to: the key has no value"),
        (one(name="A"), "characters that are not allowed"),
        (one(rules="[]"), "the list is empty"),
        (one(action="allow", rules="[{notFrom: [{namespace: b}]}]"), "rules[0].notFrom: would let everybody in"),
        (one(rules="[{from: [{namespace: b, ip: 10.0.0.1}]}]"), "exactly one of"),
        (one(rules="[{from: [{}]}]"), "exactly one of"),
        (one(rules="[{from: []}]"), "the list is empty"),
        (one(rules="[{from: [{ip: 10.8.0.1/16}]}]"), "bits set behind its prefix"),
        (one(rules='[{from: [{ip: "10.8.0.1:80"}]}]'), "without ports"),
        (one(rules="[{from: [{serviceAccount: front}]}]"), "not NAMESPACE/NAME"),
        (one(rules="[{from: [{serviceAccount: spiffe://a}]}]"), "not NAMESPACE/NAME"),
        (one(rules="[{ports: [0]}]"), "must be at least 1"),
        (one(rules="[{http: {}}]"), "`methods` or `paths` is needed"),
        (one(rules="[{http: {paths: [admin]}}]"), "a path begins with /"),
        (one(rules="[{http: {paths: [/a/../b]}}]"), "read in two ways"),
        (one(rules="[{http: {methods: ['GET ']}}]"), "characters that are not allowed"),
        (one(rules="[{hosts: [a]}]"), "unknown key"),
        (one(to="{external: [10.0.0.0/8], namespace: b}"), "stands alone"),
        (one(to="{namespace: b, serviceAccount: c/d}"), "no account of another namespace"),
        (one() + "\n" + one(), "policies[0] has this name already"),
        (one(rules="[" + "{}," * (MOST_RULES + 1) + "]"), f"{MOST_RULES} are allowed"),
        (one(rules=f"[{{ports: [{'1,' * (MOST_MEMBERS + 1)}]}}]"), f"{MOST_MEMBERS} are allowed"),
        ("\n".join(one(name=f"p{n}") for n in range(MOST_POLICIES + 1)), f"{MOST_POLICIES} are allowed"),
    ],
)
def test_what_is_no_policy(text, words):
    error = parse_policies(text)
    assert isinstance(error, TextError)
    assert error.line
    assert words in error.message


def test_of_the_same_name_the_second_is_at_fault():
    error = parse_policies(f"{one(name='a')}\n{one(name='b')}\n{one(name='a')}\n")
    assert isinstance(error, TextError)
    assert error.line == 3


@pytest.mark.parametrize("account", ["prod/front", "spiffe://partner.example/ns/prod/sa/front"])
def test_accounts_are_whole(account):
    (policy,) = parsed(one(rules=f"[{{from: [{{serviceAccount: '{account}'}}]}}]")).policies
    assert policy.rules[0].from_ is not None
    assert policy.rules[0].from_[0].serviceAccount == account
