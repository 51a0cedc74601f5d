"""What policies cost a request: subjects of `benchmarks.micro`, each one question to the authorizer.

The targets are 0.2 µs where the identity decides, and 1.5 µs where method and path do among 200 policies.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Final, cast

Operation = Callable[[], object]
Subject = Callable[[], Operation]

FRONT: Final = "from: [{serviceAccount: prod/front}]"
GET_API: Final = "http: {methods: [GET], paths: [/api/**, /health]}"
ADMIN: Final = "- {name: no-admin, action: deny, rules: [{http: {paths: [/admin, /admin/**]}}]}\n"
OTHERS: Final = "".join(
    f"- {{name: p{n}, action: allow, rules: [{{from: [{{serviceAccount: a/s{n}}}], http: {{paths: [/v{n}/**]}}}}]}}\n"
    for n in range(200)
)
EVERYBODY: Final = "".join(
    f"- {{name: e{n}, action: allow, rules: [{{http: {{methods: [GET], paths: [/v{n}/**]}}}}]}}\n" for n in range(50)
)
TAKEN: Final = 1000
"""Questions after which what was seen is taken, as it is twice a second."""


def allow(rule: str) -> str:
    """A policy that lets in who a rule says."""
    return f"- {{name: mine, action: allow, rules: [{{{rule}}}]}}\n"


def question(text: str) -> Subject:
    """One request of a pod to another, under these policies."""

    def prepare() -> Operation:
        from noderouter.core.addr import Address
        from noderouter.core.body import NO_BODY
        from noderouter.core.connection import ConnectionInfo
        from noderouter.core.errors import PolicyRefused
        from noderouter.core.exchange import Exchange
        from noderouter.core.headers import Headers
        from noderouter.policy.authorizer import Authorizer
        from noderouter.policy.compile import Compiled
        from noderouter.policy.model import Policies, parse_policies
        from noderouter.policy.workloads import Known, Workload

        policies = parse_policies(text)
        assert isinstance(policies, Policies), policies
        pods = {"10.1.0.1": Workload("prod", "front", "prod/front"), "10.1.0.9": Workload("prod", "web", "prod/web")}
        authorizer = Authorizer(lambda ip: (ip,))
        authorizer.put(Compiled(policies), Known(pods, node="n1"))
        reply = SimpleNamespace(connection=ConnectionInfo(("10.1.0.1", 4711), ("10.1.0.2", 4140)))
        exchange = Exchange(b"GET", b"/api/v1/items/42?x=1", b"web", Headers(), NO_BODY, cast(Any, reply))
        check, address = authorizer.check, Address("10.1.0.9", 8080)
        left = TAKEN

        def ask() -> None:
            nonlocal left
            left -= 1
            if not left:
                left = TAKEN
                authorizer.take()
            try:
                check(exchange, address)
            except PolicyRefused:
                pass

        return ask

    return prepare


def plain_path() -> Operation:
    """Whether a path can be read in one way only."""
    from noderouter.policy.paths import readable

    return lambda: readable(b"/api/v1/items/42?x=1")


SUBJECTS: Final[dict[str, Subject]] = {
    "policy, a path": plain_path,
    "policy, none": question("[]"),
    "policy, by account": question(allow(FRONT)),
    "policy, method, path, a deny": question(allow(f"{FRONT}, {GET_API}") + ADMIN),
    "policy, the same of 202": question(OTHERS + allow(f"{FRONT}, {GET_API}") + ADMIN),
    "policy, 50 for everybody": question(EVERYBODY),
}
