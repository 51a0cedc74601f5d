"""What a policy says, as it is written: `to` whom, and what happens to whom its rules match.

    - name: web-from-front
      to: {namespace: prod, pods: {app: web}}
      action: allow
      rules:
        - from: [{serviceAccount: prod/front}, {namespace: monitoring}, {ip: 10.8.0.0/16}]
          ports: [8080]
          http: {methods: [GET], paths: [/api/**, /health]}
          claims: {iss: https://issuer.example, groups: [dev]}

A rule matches where each of its keys does, a list where one of its members does; a policy where one of its rules does.
What they mean together is in `compile.py`. Keys are checked strictly: what is not understood, or can be understood in
two ways, is no policy.
"""

import re
from typing import Annotated, Any, Final, Literal, Self

from noderouter.core.address_rule import AddressRule
from noderouter.core.spiffe import is_workload
from noderouter.naming.stored.text import TextError
from noderouter.policy.path_pattern import PathPattern
from noderouter.policy.read import read_list
from noderouter.schema.fields import NotEmpty
from noderouter.schema.kind import (
    AfterValidator,
    Field,
    Model,
    PlainSerializer,
    PlainValidator,
    Several,
    model_validator,
    refusals,
)

MOST_POLICIES: Final = 1000
MOST_RULES: Final = 200
"""Of one policy."""
MOST_MEMBERS: Final = 1000
"""Of one list in a rule."""

_DNS_LABEL: Final = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_ACCOUNT: Final = re.compile(rf"{_DNS_LABEL}/[a-z0-9](?:[-a-z0-9.]{{0,251}}[a-z0-9])?")


def _account(text: str) -> str:
    if not (_ACCOUNT.fullmatch(text) or is_workload(text)):
        raise ValueError("not NAMESPACE/NAME, nor a whole SPIFFE id such as spiffe://example.org/ns/prod/sa/front")
    return text


def _network(value: Any) -> AddressRule:
    if isinstance(value, AddressRule):
        return value
    if not isinstance(value, str):
        raise ValueError("expected text, such as 10.8.0.0/16")
    rule = AddressRule.parse(value)
    if rule.names_ports:
        raise ValueError("a network or an address without ports; the ports of a rule are its key `ports`")
    return rule


def _path(value: Any) -> PathPattern:
    if isinstance(value, PathPattern):
        return value
    if not isinstance(value, str):
        raise ValueError("expected text, such as /api/**")
    return PathPattern.parse(value)


def _few(value: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(value) > MOST_MEMBERS:
        raise ValueError(f"the list has {len(value)} members; {MOST_MEMBERS} are allowed")
    return value


_Few = AfterValidator(_few)
Namespace = Annotated[str, Field(pattern=rf"^{_DNS_LABEL}$")]
Account = Annotated[str, Field(max_length=2048), AfterValidator(_account)]
Block = Annotated[AddressRule, PlainValidator(_network), PlainSerializer(str)]
PathText = Annotated[PathPattern, PlainValidator(_path), PlainSerializer(str)]
Method = Annotated[str, Field(max_length=100, pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
PolicyName = Annotated[str, Field(max_length=63, pattern=rf"^{_DNS_LABEL}$")]
LabelKey = Annotated[str, Field(max_length=317, pattern=r"^([a-z0-9.-]+/)?[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")]
LabelValue = Annotated[str, Field(max_length=63, pattern=r"^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?$")]
Port = Annotated[int, Field(ge=1, le=65535)]
ClaimName = Annotated[str, Field(min_length=1, max_length=200)]
ClaimText = Annotated[str, Field(max_length=1000)]


Action = Literal["deny", "allow", "audit"]


class PolicyModel(Model):
    """A part of a policy. What a template has left empty would not narrow it, and so let in, or shut out, everybody."""

    without_value = "the key has no value, which would mean everything: write one, or leave the key out"


class To(PolicyModel):
    """Whom a policy protects: pods, by all of these; without any of them every pod. Or what is no pod of the node."""

    namespace: Namespace | None = None
    pods: Annotated[dict[LabelKey, LabelValue], Field(max_length=50)] | None = None
    """Labels that a pod has to have, all of them."""
    serviceAccount: Account | None = None
    external: Annotated[Several[Block], NotEmpty, _Few] | None = None
    """Networks: judged where the request leaves, for endpoints that are no pods of this node."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if self.external is not None and self.names_pods:
            raise ValueError("`external` is for what is no pod, and stands alone")
        if self.namespace and self.serviceAccount and not self.serviceAccount.startswith(f"{self.namespace}/"):
            raise ValueError(f"no account of another namespace than {self.namespace} runs there")
        return self

    @property
    def names_pods(self) -> bool:
        """Whether it has a key about pods."""
        return any(key is not None for key in (self.namespace, self.pods, self.serviceAccount))


class Peer(PolicyModel):
    """One kind of source: exactly one of its keys."""

    serviceAccount: Account | None = None
    namespace: Namespace | None = None
    ip: Block | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        said = [key for key in ("serviceAccount", "namespace", "ip") if getattr(self, key) is not None]
        if len(said) != 1:
            raise ValueError("exactly one of `serviceAccount`, `namespace` and `ip` is needed; write others beside it")
        return self


class Http(PolicyModel):
    """What is asked for; at least one of its keys."""

    methods: Annotated[Several[Method], NotEmpty, _Few] | None = None
    paths: Annotated[Several[PathText], NotEmpty, _Few] | None = None

    @model_validator(mode="after")
    def _any(self) -> Self:
        if self.methods is None and self.paths is None:
            raise ValueError("`methods` or `paths` is needed")
        return self


Claim = ClaimText | Annotated[Several[ClaimText], NotEmpty, _Few]


class Rule(PolicyModel):
    """One way to match; without keys it matches everybody."""

    from_: Annotated[Several[Peer], NotEmpty, _Few] | None = Field(default=None, alias="from")
    notFrom: Annotated[Several[Peer], NotEmpty, _Few] | None = None
    ports: Annotated[Several[Port], NotEmpty, _Few] | None = None
    """Of the pod, not of a Service."""
    http: Http | None = None
    claims: Annotated[dict[ClaimName, Claim], Field(min_length=1, max_length=20)] | None = None
    """Of a token that was verified: each claim has to be, or to have among its members, one of these values."""

    @property
    def asks(self) -> bool:
        """Whether it has keys that only requests of HTTP can answer."""
        return self.http is not None or self.claims is not None


class Policy(PolicyModel):
    """One policy."""

    name: PolicyName
    to: To = To()
    action: Action
    rules: Annotated[Several[Rule], NotEmpty]

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if len(self.rules) > MOST_RULES:
            raise ValueError(f"it has {len(self.rules)} rules; {MOST_RULES} are allowed")
        words = "would let everybody in of whom nothing is known; add `from`, or deny"
        open_ = [
            (("rules", index, "notFrom"), words)
            for index, rule in enumerate(self.rules)
            if self.action == "allow" and rule.notFrom is not None and rule.from_ is None
        ]
        if open_:
            raise refusals(open_)
        return self


class Policies(Model):
    """All policies of one text."""

    policies: Several[Policy] = ()

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        if len(self.policies) > MOST_POLICIES:
            raise ValueError(f"{len(self.policies)} policies; {MOST_POLICIES} are allowed")
        first: dict[str, int] = {}
        again = [
            (("policies", index, "name"), f"policies[{first[policy.name]}] has this name already")
            for index, policy in enumerate(self.policies)
            if first.setdefault(policy.name, index) != index
        ]
        if again:
            raise refusals(again)
        return self


def parse_policies(text: str) -> Policies | TextError:
    """Return the policies of a text, a list in YAML or JSON; or what is wrong with it first."""
    return read_list(text, "policies", Policies)


def show_policies(policies: Policies) -> str:
    """Return policies as JSON, the same for the same meaning."""
    return policies.model_dump_json(by_alias=True, exclude_none=True)
