"""Which exchanges a viewer wants to see; read from the parameters of a query.

    router, service, client, endpoint, source    what it is, or how it begins, with a `*` behind
    method                                       one or several, with commas
    path                                         how the path begins
    status                                       200, 5xx, error, grpc, grpc-14; one or several, with commas
    min_ms                                       took at least so long

All have to be true. A client or an endpoint is one of any try, so that the one that failed is found as well as the one
that answered. An endpoint or a source without a port is one with any.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from noderouter.core.exchange import Exchange
from noderouter.core.grpc import Status, call_status
from noderouter.core.host_port import join_host_port

KEYS: Final = ("router", "service", "client", "endpoint", "source", "method", "path", "status", "min_ms")
MAX_MS: Final = 24 * 3600 * 1000.0
ERROR: Final = "error"
GRPC: Final = "grpc"
"""A call that ended with another status than 0; with a number behind it, `grpc-14`, one that ended with that."""
_OF_ADDRESSES: Final = frozenset("0123456789abcdef.:[]")
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""RFC 9110 section 5.6.2."""
_OF_GRPC: Final = frozenset((GRPC, *(f"{GRPC}-{int(each)}" for each in Status)))


class FilterError(ValueError):
    """A parameter that cannot be understood; the message says what to write."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A text that something has to be equal to, or to begin with."""

    text: str
    begins: bool

    def fits(self, value: str) -> bool:
        """Whether `value` is it."""
        return value.startswith(self.text) if self.begins else value == self.text

    def fits_address(self, host: str, port: int) -> bool:
        """Whether an address is it, with or without its port."""
        return self.fits(join_host_port(host, port)) or self.fits(host)


@dataclass(frozen=True, slots=True)
class Filter:
    """What has to be true of an exchange; what is None may be anything."""

    router: Wanted | None = None
    service: Wanted | None = None
    client: Wanted | None = None
    endpoint: Wanted | None = None
    source: Wanted | None = None
    methods: frozenset[bytes] | None = None
    path: bytes | None = None
    statuses: frozenset[str] | None = None
    min_seconds: float = 0.0

    def fits(self, exchange: Exchange, router: str, error: BaseException | None, seconds: float) -> bool:
        """Whether an exchange of `router` that took `seconds` is wanted; `error` is what it failed with."""
        return (
            seconds >= self.min_seconds
            and (self.router is None or self.router.fits(router))
            and (self.methods is None or exchange.method in self.methods)
            and (self.path is None or exchange.target.startswith(self.path))
            and (self.statuses is None or not self.statuses.isdisjoint(_statuses(exchange, error)))
            and (self.source is None or self.source.fits_address(*exchange.peer_address))
            and (self.service is None or (exchange.name is not None and self.service.fits(exchange.name.show())))
            and (self.client is None or self._has_client(self.client, exchange))
            and (self.endpoint is None or self._has_endpoint(self.endpoint, exchange))
        )

    @staticmethod
    def _has_client(wanted: Wanted, exchange: Exchange) -> bool:
        ids = {exchange.client_id, *(each.client for each in exchange.journey or ())}
        return any(id is not None and wanted.fits(id.show()) for id in ids)

    @staticmethod
    def _has_endpoint(wanted: Wanted, exchange: Exchange) -> bool:
        tried = {each.endpoint for each in exchange.journey or ()}
        if exchange.endpoint is not None:
            tried.add(exchange.endpoint.address)
        return any(wanted.fits_address(each.ip, each.port) for each in tried)


EVERY: Final = Filter()
"""Every exchange."""


def _statuses(exchange: Exchange, error: BaseException | None) -> tuple[str, ...]:
    """Return all that a filter may call its outcome."""
    response = exchange.response
    found: tuple[str, ...] = () if response is None else (str(response.status), f"{response.status // 100}xx")
    called = call_status(exchange, error)
    if called is not None:
        found = (*found, f"{GRPC}-{int(called)}", GRPC) if called else (*found, f"{GRPC}-0")
    return found if error is None else (*found, ERROR)


def parse(query: Mapping[str, str]) -> Filter:
    """Return the filter in the parameters of a query; other parameters than `KEYS` are not looked at.

    Raises:
        FilterError: a value cannot be understood.
    """
    given = {key: query[key] for key in KEYS if query.get(key)}
    checks = {"service": _name, "client": _name, "endpoint": _address, "source": _address}
    for key, check in checks.items():
        if key in given:
            check(key, given[key])
    return Filter(
        **{key: _wanted(given[key]) for key in ("router", *checks) if key in given},
        methods=frozenset(map(_method, _several("method", given["method"]))) if "method" in given else None,
        path=_path(given["path"]) if "path" in given else None,
        statuses=frozenset(map(_status, _several("status", given["status"]))) if "status" in given else None,
        min_seconds=number("min_ms", given.get("min_ms", "0"), MAX_MS) / 1000,
    )


def number(key: str, value: str, most: float) -> float:
    """Return a number from 0 to `most`.

    Raises:
        FilterError: it is none.
    """
    try:
        found = float(value) if value.isascii() else -1.0
    except ValueError:
        found = -1.0
    if not 0 <= found <= most:
        raise FilterError(f"{key}={value[:40]!r}: must be a number from 0 to {most:g}")
    return found


def _wanted(value: str) -> Wanted:
    return Wanted(value.removesuffix("*"), value.endswith("*"))


def _name(key: str, value: str) -> None:
    if not value.startswith(("/", "*")):
        raise FilterError(f"{key}={value[:40]!r}: must be a name such as /svc/hello, or how it begins and a *")


def _address(key: str, value: str) -> None:
    """Refuse what is no address, with or without a port, and not the beginning of one."""
    if value.endswith("*"):
        right = _OF_ADDRESSES.issuperset(value[:-1].lower())
    else:
        host, _, port = value.rpartition(":")
        right = _is_ip(value) or (_is_ip(host) and _digits(port))
    if not right:
        raise FilterError(f"{key}={value[:40]!r}: must be 10.0.0.7, 10.0.0.7:8080, [fd00::7]:8080, or 10.0.0.*")


def _is_ip(value: str) -> bool:
    try:
        ip_address(value.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _method(value: str) -> bytes:
    if not _TOKEN.fullmatch(value):
        raise FilterError(f"method={value[:40]!r}: must be a method such as GET")
    return value.encode("ascii")


def _path(value: str) -> bytes:
    if not value.startswith(("/", "*")):
        raise FilterError(f"path={value[:40]!r}: must begin with /, as the path of a request does")
    return value.encode("utf-8")


def _several(key: str, value: str) -> list[str]:
    found = [each.strip() for each in value.split(",") if each.strip()]
    if not found:
        raise FilterError(f"{key}={value[:40]!r}: names none")
    return found


def _status(value: str) -> str:
    folded = value.lower()
    whole = len(folded) == 3 and folded[0] in "123456789" and (folded[1:] == "xx" or _digits(folded[1:]))
    if whole or folded == ERROR or folded in _OF_GRPC:
        return folded
    raise FilterError(f"status={value[:40]!r}: must be a status such as 503, a class such as 5xx, {GRPC}, or {ERROR}")


def _digits(value: str) -> bool:
    return value.isascii() and value.isdigit()
