"""What is left of all policies for one source and one destination, and how a request is judged by it.

    a deny that matches                                 refused
    no allow is for this pod, whomever it is from       allowed
    else                                                one allow has to match

Rules that the source, the port and the pod do not match are gone by now (`compile.py`). So most requests are judged by
one look at `settled`; the others by method, path and claims, in the order of the text. A flow has none of these: a deny
that asks for them matches it all the same, an allow never does.

Runs for every request; compiled with the data path.
"""

from collections.abc import Mapping
from typing import Any, Final

from noderouter.core.exchange import Exchange
from noderouter.policy.paths import Paths, readable
from noderouter.policy.workloads import Source, Workload

FORBIDDEN: Final = 403
BAD_REQUEST: Final = 400


class Refusal:
    """That a request is refused: by which policy, with which status, and in words."""

    __slots__ = ("policy", "status", "words")

    def __init__(self, policy: str, words: str, status: int = FORBIDDEN) -> None:
        self.policy = policy
        self.words = words
        self.status = status

    def __repr__(self) -> str:
        return f"<Refusal {self.status} {self.words}>"


class RequestRule:
    """One rule, as far as a request has to answer it; `refusal` is what it means where it denies."""

    __slots__ = ("asks", "claims", "methods", "paths", "policy", "refusal")

    def __init__(
        self,
        policy: str,
        methods: frozenset[bytes],
        paths: Paths | None,
        claims: tuple[tuple[str, frozenset[str]], ...],
    ) -> None:
        """Empty `methods` and `claims` ask for nothing."""
        self.policy = policy
        self.methods = methods
        self.paths = paths
        self.claims = claims
        self.asks = bool(methods) or paths is not None or bool(claims)
        self.refusal = Refusal(policy, f"policy {policy} denies it")

    def matches(self, method: bytes, path: bytes | None, claims: Mapping[str, Any] | None) -> bool:
        """Whether a request is one of those; None for `path` is one that can be read in two ways."""
        if self.methods and method not in self.methods:
            return False
        if self.paths is not None and path is not None and not self.paths.match(path):
            return False
        return not self.claims or (claims is not None and self._claimed(claims))

    def _claimed(self, claims: Mapping[str, Any]) -> bool:
        return all(_has(claims.get(name), values) for name, values in self.claims)


class Rules:
    """What is left for one source and one destination. `source`, `workload` (None: no pod), `ip`, `port` say which.

    `forms` are all addresses that are reached by `ip`.
    """

    __slots__ = (
        "_allow",
        "_always",
        "_deny",
        "_paths",
        "audit",
        "default",
        "forms",
        "ip",
        "port",
        "settled",
        "source",
        "workload",
    )

    def __init__(
        self,
        source: Source,
        workload: Workload | None,
        ip: str,
        port: int,
        forms: tuple[str, ...],
        deny: list[RequestRule],
        allow: list[RequestRule],
        audit: list[RequestRule],
        default: Refusal | None,
    ) -> None:
        """`default` is what happens to a request that no allow matches; None where it is allowed."""
        self.source = source
        self.workload = workload
        self.ip = ip
        self.port = port
        self.forms = forms
        self.audit = audit
        self._always = default is None or any(not rule.asks for rule in allow)
        self._allow = [] if self._always else allow
        self._deny = deny
        certain = [rule for rule in deny if not rule.asks]
        if certain:
            self.default: Refusal | None = certain[0].refusal
            self._deny, self._allow, self._always = [], [], False
        else:
            self.default = None if self._always else default
        self.settled = not (self._deny or self._allow)
        """Whether `default` is the answer to whatever is asked for."""
        self._paths = any(rule.paths is not None for rule in [*self._deny, *self._allow])

    def __repr__(self) -> str:
        return f"<Rules {self.source.id} to {self.workload or self.ip}:{self.port} settled={self.settled}>"

    def judge(self, method: bytes, target: bytes, claims: Mapping[str, Any] | None, flow: bool) -> Refusal | None:
        """Return why a request is refused; None where it is not."""
        if self.settled:
            return self.default
        if flow:
            return self._deny[0].refusal if self._deny else self.default
        path: bytes | None = b""
        if self._paths:
            path = readable(target)
            if path is None:
                return _unreadable([*self._deny, *self._allow])
        for rule in self._deny:
            if rule.matches(method, path, claims):
                return rule.refusal
        if self._always:
            return None
        for rule in self._allow:
            if rule.matches(method, path, claims):
                return None
        return self.default

    @property
    def asks_claims(self) -> bool:
        """Whether an answer may depend on the claims of a token."""
        return any(bool(rule.claims) for rule in [*self._deny, *self._allow])

    def audited(self, exchange: Exchange) -> list[str]:
        """Return the policies that only watch, and match a request; one whose path has two readings may be anything."""
        path = readable(exchange.target)
        return [
            rule.policy
            for rule in self.audit
            if exchange.tunnel or rule.matches(exchange.method, path, exchange.claims)
        ]


def _unreadable(rules: list[RequestRule]) -> Refusal:
    policy = next(rule.policy for rule in rules if rule.paths is not None)
    return Refusal(policy, f"policy {policy} has paths, and this one can be read in two ways", BAD_REQUEST)


def _has(value: Any, wanted: frozenset[str]) -> bool:
    """Whether a claim is one of these texts, or a list with one of them."""
    if isinstance(value, str):
        return value in wanted
    if isinstance(value, list | tuple):
        return any(isinstance(each, str) and each in wanted for each in value)
    return False
