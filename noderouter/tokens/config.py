"""`jwt` of a server: whose tokens are taken there, and what of them is told to endpoints.

It is a server's, as `clearContext` is: what a client has to show depends on where it comes in.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Self
from urllib.parse import urlsplit

from noderouter.schema.fields import FieldName, FilePath, NotEmpty, OneOrMore
from noderouter.schema.kind import (
    AfterValidator,
    Field,
    Model,
    PlainSerializer,
    PlainValidator,
    Several,
    model_validator,
)
from noderouter.tokens.forward import Forwarded
from noderouter.tokens.jwk import HOW_TO_GET, BadKeys, KeySet, installed, read_keys

AUTHORIZATION: Final = "authorization"
ISSUERS: Final = 16
"""Of a server."""
CLAIMS: Final = 32
"""That are forwarded of the tokens of an issuer."""

_NOT_OURS: Final = frozenset((
    "host", "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te", "trailer", "expect",
    "via", "forwarded", "max-forwards", "proxy-authenticate", "proxy-authorization", "authorization", "cookie",
    "set-cookie", "cache-control", "x-forwarded-client-cert", "x-forwarded-for", "x-forwarded-host",
    "x-forwarded-proto",
))  # fmt: skip
"""Fields that already mean something, to a router or to everybody."""


def dashed(name: str) -> str:
    """The spelling that stands for all that are the same behind CGI and WSGI."""
    return name.replace("_", "-")


def _of_ours(name: str) -> str:
    """A name that a claim may be written to."""
    lower = name.lower()
    meant = dashed(lower)
    if meant in _NOT_OURS or meant.startswith(("l5d-", "content-")):
        raise ValueError(f"{name} means something else already; take a name of its own, such as x-jwt-sub")
    return lower


def _token_field(name: str) -> str:
    """A name of the field that a token may come in."""
    return name.lower() if name.lower() == AUTHORIZATION else _of_ours(name)


def _https(uri: str) -> str:
    try:
        parts = urlsplit(uri)
        usable = parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        usable = False
    if not usable or "#" in uri or not uri.isascii() or any(not "!" <= each <= "~" for each in uri):
        raise ValueError("must be an https URI, such as https://issuer.example/.well-known/jwks.json")
    return uri


@dataclass(frozen=True, slots=True)
class GivenKeys:
    """A JWK Set of the configuration."""

    text: str
    keys: KeySet


def _keys(value: Any) -> GivenKeys:
    if isinstance(value, GivenKeys):
        return value
    if not isinstance(value, str | Mapping):
        raise ValueError("expected a JWK Set: {keys: [...]}, or the same as JSON in text")
    if not installed():
        raise ValueError(f"needs the package joserfc: {HOW_TO_GET}")
    text = value if isinstance(value, str) else json.dumps(value)
    if '"d"' in text:
        raise ValueError("a private key stands there; take its public half")
    try:
        return GivenKeys(text, read_keys(text.encode("utf-8", "replace")))
    except BadKeys as error:
        raise ValueError(str(error)) from None


Name = Annotated[str, Field(min_length=1, max_length=1024)]
Keys = Annotated[GivenKeys, PlainValidator(_keys), PlainSerializer(lambda value: value.text)]


class ForwardedClaim(Model):
    """A claim, or the names that lead to it, and the field that it is written to."""

    claim: Annotated[Several[Name], OneOrMore, NotEmpty, Field(max_length=8)]
    header: Annotated[FieldName, AfterValidator(_of_ours)]


class IssuerConfig(Model):
    """An issuer, and where its keys are."""

    issuer: Name
    audiences: Annotated[Several[Name], OneOrMore, NotEmpty, Field(max_length=64)]
    jwksUri: Annotated[str, Field(max_length=2048), AfterValidator(_https)] | None = None
    jwks: Keys | None = None
    trustCerts: Several[FilePath] = ()
    """What verifies the server of `jwksUri`; the system's certificates where there are none."""
    lastGood: FilePath | None = None
    """A file that keeps what `jwksUri` had, for the next start."""
    header: Annotated[FieldName, AfterValidator(_token_field)] = AUTHORIZATION
    forward: bool = False
    """Whether the endpoint gets the token, too."""
    forwardClaims: Annotated[Several[ForwardedClaim], Field(max_length=CLAIMS)] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not installed():
            raise ValueError(f"needs the package joserfc: {HOW_TO_GET}")
        if (self.jwksUri is None) == (self.jwks is None):
            raise ValueError("either `jwksUri` or `jwks` says which keys it has")
        if self.jwks is not None and (self.trustCerts or self.lastGood):
            raise ValueError("trustCerts and lastGood are for `jwksUri`; take them out")
        fields = [dashed(each.header) for each in self.forwardClaims]
        if len(set(fields)) < len(fields):
            raise ValueError("two of `forwardClaims` have one header")
        return self

    @property
    def forwarded(self) -> Sequence[Forwarded]:
        """What is told to endpoints."""
        return [Forwarded(each.claim, each.header) for each in self.forwardClaims]


def check_together(issuers: Sequence[IssuerConfig]) -> None:
    """Check the issuers of one server.

    Raises:
        ValueError: it could not be told whose a token is, or a field would be both a token and a claim.
    """
    if len(issuers) > ISSUERS:
        raise ValueError(f"{len(issuers)} issuers; at most {ISSUERS} are taken")
    pairs = [(each.header, each.issuer) for each in issuers]
    twice = sorted({issuer for header, issuer in pairs if pairs.count((header, issuer)) > 1})
    if twice:
        raise ValueError(f"the issuer {twice[0]} is there twice; list its audiences in one place")
    if len({(each.header, each.forward) for each in issuers}) > len({each.header for each in issuers}):
        raise ValueError("`forward` must be the same for all issuers whose tokens come in one header")
    headers = {each.header for each in issuers}
    if len(set(map(dashed, headers))) < len(headers):
        raise ValueError("two fields of tokens differ in `-` and `_` only, which are one to servers behind CGI")
    claimed = {dashed(field.header) for each in issuers for field in each.forwardClaims}
    both = sorted(each for each in headers if dashed(each) in claimed)
    if both:
        raise ValueError(f"{both[0]} has tokens, so that no claim can be written to it")
