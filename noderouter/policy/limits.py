"""What a limit on rates says, as it is written: of which requests, whose they are, and how many a second.

    - name: hello
      service: /svc/hello
      per: [source]
      requestsPerSecond: 10
      burst: 20

All limits that are for a request hold for it: each has to have a token for it, and if one has none, none is taken.
"""

from typing import Annotated, Final, Literal, Self

from dtab import PathMatcher
from noderouter.naming.stored.text import TextError
from noderouter.policy.model import PolicyName
from noderouter.policy.read import read_list
from noderouter.schema.fields import FieldName, Label
from noderouter.schema.kind import AfterValidator, BeforeValidator, Field, Model, Several, model_validator, refusals
from noderouter.schema.partial import MatcherText

MOST_LIMITS: Final = 100
MOST_RATE: Final = 1_000_000
LEAST_RATE: Final = 0.000_001
"""One in eleven days; nothing is kept for so long."""


NOT_SEEN: Final = frozenset((
    "te", "via", "expect", "trailer", "upgrade", "connection", "keep-alive", "max-forwards", "content-length",
    "proxy-connection", "transfer-encoding", "proxy-authenticate", "proxy-authorization", "x-forwarded-client-cert",
))  # fmt: skip
"""Fields that are no longer among those of a request when limits look, beside `l5d-*`."""


def _rate(value: object) -> object:
    """Give one message for what is no number, or one that means nothing, and take whole ones."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not LEAST_RATE <= value <= MOST_RATE:  # type: ignore[operator]  # of ints without end, and of NaN
        raise ValueError(f"expected a number from {LEAST_RATE:f} to {MOST_RATE}, such as 10 or 0.5")
    return float(value)  # type: ignore[arg-type]


def _once(value: tuple[str, ...]) -> tuple[str, ...]:
    if len({each.lower() for each in value}) < len(value):
        raise ValueError("one of them stands there twice")
    return value


def _visible(name: str) -> str:
    meant = name.lower().replace("_", "-")
    if meant in NOT_SEEN or meant.startswith("l5d-"):
        raise ValueError(f"the router acts on {name} itself, limits do not see it: all requests would have one bucket")
    return name


_Once = AfterValidator(_once)
Rate = Annotated[float, BeforeValidator(_rate)]


class Limit(Model):
    """One limit."""

    name: PolicyName
    router: Label | None = None
    """The label of the router that it is for; None is each of them, on its own."""
    service: MatcherText = PathMatcher("/")
    """A pattern for the logical names that it is for, as in `service.configs`."""
    per: Annotated[Several[Literal["service", "source", "identity"]], _Once] = ("service",)
    """What has a bucket of its own; where nothing has, there is one for all."""
    headers: Annotated[Several[Annotated[FieldName, AfterValidator(_visible)]], Field(max_length=4), _Once] = ()
    """Fields each of whose values has one, too; they say what their sender likes."""
    requestsPerSecond: Rate
    burst: Annotated[int, Field(ge=1, le=MOST_RATE)] | None = None
    """None is what comes in a second, and one at least."""

    @property
    def size(self) -> int:
        """The tokens of a full bucket."""
        return max(1, int(self.requestsPerSecond)) if self.burst is None else self.burst


class Limits(Model):
    """All limits of one text."""

    limits: Several[Limit] = ()

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        if len(self.limits) > MOST_LIMITS:
            raise ValueError(f"{len(self.limits)} limits; {MOST_LIMITS} are allowed")
        first: dict[str, int] = {}
        again = [
            (("limits", index, "name"), f"limits[{first[limit.name]}] has this name already")
            for index, limit in enumerate(self.limits)
            if first.setdefault(limit.name, index) != index
        ]
        if again:
            raise refusals(again)
        return self


def parse_limits(text: str) -> Limits | TextError:
    """Return the limits of a text, a list in YAML or JSON; or what is wrong with it first."""
    return read_list(text, "limits", Limits)


def show_limits(limits: Limits) -> str:
    """Return limits as JSON, the same for the same meaning."""
    return limits.model_dump_json(by_alias=True, exclude_none=True)
