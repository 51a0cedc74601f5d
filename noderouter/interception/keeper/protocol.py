"""The narrow protocol between the router and the privileged keeper: lines of JSON on a unix socket, version 1.

Each line is one object with `v` and `type`; each is answered by one line. Lists are whole and level-triggered: the last
one counts, whatever was lost before. Unknown keys, wrong types and anything beyond the limits are refused, the
connection is closed, and the last good state stays: nothing of a message that is wrong in part is believed.

| the router says | with | the keeper answers |
| --- | --- | --- |
| `hello`, first | `instance` | `welcome`: `backend`, `aliveMs`, `leftOut`: namespaces |
| `pods` | `generation`, `pods`: `uid`, `namespace`, `ips` | `applied`: in force in the kernel |
| `services` | `generation`, `services`: `ip`, `port`, `http`; `never`: addresses | `applied` |
| `progress`, every half second | see `Progress` | `state`: `armed`, `standby`, `why` |
| `disarm`, before it drains | | `disarmed`: new connections go directly now, or (`handedOver`) to the successor |
| `status`, from anybody without a `hello` | | `status` |

Anything may be answered by `error` with `message`. `applied` and `state` have `error` where the kernel refused. A pod
whose network was made anew under the same uid and address has to be left out of one `pods` and be back in the next.
"""

import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from noderouter.interception.keeper.errors import StateError
from noderouter.interception.keeper.state import Address, Pod, Service

VERSION: Final = 1
MAX_LINE_BYTES: Final = 4 * 1024 * 1024
MAX_PODS: Final = 1024
MAX_ADDRESSES: Final = 8
MAX_SERVICES: Final = 20_000
"""More would take the keeper longer to compare with the kernel than the switch is on; Kubernetes is made for 10,000."""
MAX_NEVER: Final = 1024
MAX_NUMBER: Final = 2**53
_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Hello:
    """The first message of a router."""

    instance: str


@dataclass(frozen=True, slots=True)
class Pods:
    """All pods of this node that are captured."""

    generation: int
    pods: tuple[Pod, ...]


@dataclass(frozen=True, slots=True)
class Services:
    """All services, and the addresses that are never captured."""

    generation: int
    services: tuple[Service, ...]
    never: frozenset[Address]


@dataclass(frozen=True, slots=True)
class Progress:
    """What the router measured of itself; `health_gate.judge` decides whether that is good enough."""

    not_ready: str
    """Empty once the dtab is good and the lists are synced; else what is missing, in words."""
    reactor_lag_ms: int
    accept_queue: int
    accept_backlog: int
    probe_ms: int
    """How long the last probe through the real listener took."""
    probe_age_ms: int
    """How long ago it succeeded."""


@dataclass(frozen=True, slots=True)
class Disarm:
    """The router is about to drain."""


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """A question for the status of the keeper."""


Message = Hello | Pods | Services | Progress | Disarm | StatusRequest


def decode(line: bytes) -> Message:
    """Decode one message.

    Raises:
        StateError: it is not one; the message says where and why.
    """
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise StateError(f"a message is not JSON: {error}") from error
    message = _object(value, "message")
    if not is_version(message.pop("v", None)):
        raise StateError(
            f"`v` has to be {VERSION}: router and keeper are of different versions; use one image for both"
        )
    kind = message.pop("type", None)
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        raise StateError(f"unknown `type`; valid: {', '.join(_READERS)}")
    return reader(message)


def is_version(value: object) -> bool:
    """Whether that is the number of this version; Python takes `true` and `1.0` for equal to it, too."""
    return type(value) is int and value == VERSION


def encode(kind: str, fields: Mapping[str, object] | None = None) -> bytes:
    """Encode one line."""
    return json.dumps({"v": VERSION, "type": kind, **(fields or {})}, separators=(",", ":")).encode() + b"\n"


def encode_pods(generation: int, pods: tuple[Pod, ...]) -> bytes:
    """Encode the router's `pods`."""
    listed = [{"uid": pod.uid, "namespace": pod.namespace, "ips": list(map(str, pod.addresses))} for pod in pods]
    return encode("pods", {"generation": generation, "pods": listed})


def encode_services(generation: int, services: tuple[Service, ...], never: frozenset[Address] = frozenset()) -> bytes:
    """Encode the router's `services`."""
    return join_services(generation, map(encode_service, services), never)


def encode_service(service: Service) -> bytes:
    """Encode one item of `services`; callers with thousands of them keep the results, and join them."""
    listed = {"ip": str(service.address), "port": service.port, "http": service.http}
    return json.dumps(listed, separators=(",", ":")).encode()


def join_services(generation: int, encoded: Iterable[bytes], never: frozenset[Address] = frozenset()) -> bytes:
    """Encode the router's `services` from what `encode_service` has made."""
    line = encode("services", {"generation": generation, "never": sorted(map(str, never)), "services": []})
    return line.removesuffix(b"]}\n") + b",".join(encoded) + b"]}\n"


def encode_progress(progress: Progress) -> bytes:
    """Encode the router's `progress`."""
    return encode(
        "progress",
        {
            "notReady": progress.not_ready,
            "reactorLagMs": progress.reactor_lag_ms,
            "acceptQueue": progress.accept_queue,
            "acceptBacklog": progress.accept_backlog,
            "probeMs": progress.probe_ms,
            "probeAgeMs": progress.probe_age_ms,
        },
    )


def read_pods(value: object) -> tuple[Pod, ...]:
    """Read a list of pods, as in `pods` and in state files."""
    return tuple(_pod(item, f"pods[{index}]") for index, item in enumerate(_list(value, "pods", MAX_PODS)))


def read_services(value: object) -> tuple[Service, ...]:
    """Read a list of services, as in `services` and in state files."""
    items = _list(value, "services", MAX_SERVICES)
    return tuple(_service(item, f"services[{index}]") for index, item in enumerate(items))


def read_never(value: object) -> frozenset[Address]:
    """Read a list of addresses."""
    items = _list(value, "never", MAX_NEVER)
    return frozenset(_address(item, f"never[{index}]") for index, item in enumerate(items))


def _hello(fields: dict[str, Any]) -> Hello:
    (instance,) = _exactly(fields, "hello", "instance")
    return Hello(_name(instance, "instance"))


def _pods(fields: dict[str, Any]) -> Pods:
    generation, pods = _exactly(fields, "pods", "generation", "pods")
    return Pods(_number(generation, "generation"), read_pods(pods))


def _services(fields: dict[str, Any]) -> Services:
    generation, services, never = _exactly(fields, "services", "generation", "services", "never")
    return Services(_number(generation, "generation"), read_services(services), read_never(never))


def _progress(fields: dict[str, Any]) -> Progress:
    keys = ("reactorLagMs", "acceptQueue", "acceptBacklog", "probeMs", "probeAgeMs")
    not_ready, *numbers = _exactly(fields, "progress", "notReady", *keys)
    if not isinstance(not_ready, str) or len(not_ready) > 200 or not not_ready.isprintable():
        raise StateError("`notReady` has to be a string of at most 200 printable characters")
    return Progress(not_ready, *(_number(value, key) for key, value in zip(keys, numbers, strict=True)))


def _nothing(made: Callable[[], T], name: str) -> Callable[[dict[str, Any]], T]:
    def read(fields: dict[str, Any]) -> T:
        _exactly(fields, name)
        return made()

    return read


_READERS: Final[dict[str, Callable[[dict[str, Any]], Message]]] = {
    "hello": _hello,
    "pods": _pods,
    "services": _services,
    "progress": _progress,
    "disarm": _nothing(Disarm, "disarm"),
    "status": _nothing(StatusRequest, "status"),
}


def _pod(value: object, where: str) -> Pod:
    uid, namespace, ips = _exactly(_object(value, where), where, "uid", "namespace", "ips")
    found = [_address(item, f"{where}.ips[{at}]") for at, item in enumerate(_list(ips, f"{where}.ips", MAX_ADDRESSES))]
    return Pod(_name(uid, f"{where}.uid"), _name(namespace, f"{where}.namespace"), tuple(found))


def _service(value: object, where: str) -> Service:
    address, port, http = _exactly(_object(value, where), where, "ip", "port", "http")
    if not isinstance(http, bool):
        raise StateError(f"`{where}.http` has to be true or false")
    number = _number(port, f"{where}.port")
    if not 1 <= number <= 65535:
        raise StateError(f"`{where}.port` has to be from 1 to 65535")
    return Service(_address(address, f"{where}.ip"), number, http)


def _object(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise StateError(f"`{where}` has to be an object")
    return dict(value)


def _exactly(fields: dict[str, Any], where: str, *keys: str) -> list[Any]:
    if missing := [key for key in keys if key not in fields]:
        raise StateError(f"`{where}` lacks {', '.join(missing)}")
    if unknown := sorted(set(fields) - set(keys)):
        raise StateError(f"`{where}` has unknown keys: {', '.join(unknown)[:200]}")
    return [fields[key] for key in keys]


def _list(value: object, where: str, most: int) -> list[object]:
    if not isinstance(value, list) or len(value) > most:
        raise StateError(f"`{where}` has to be a list of at most {most}")
    return value


def _number(value: object, where: str) -> int:
    if type(value) is not int or not 0 <= value <= MAX_NUMBER:
        raise StateError(f"`{where}` has to be a number from 0 to 2^53")
    return value


def _name(value: object, where: str) -> str:
    if not isinstance(value, str) or _NAME.fullmatch(value) is None:
        raise StateError(f"`{where}` has to be 1 to 253 letters, digits, dots, dashes and underscores")
    return value


def _address(value: object, where: str) -> Address:
    try:
        if not isinstance(value, str):
            raise ValueError("not a string")
        address = ipaddress.ip_address(value)
    except ValueError as error:
        raise StateError(f"`{where}` has to be an IPv4 or IPv6 address") from error
    if isinstance(address, ipaddress.IPv6Address) and (address.scope_id or address.ipv4_mapped):
        raise StateError(f"`{where}` may not have a zone or be an IPv4-mapped IPv6 address")
    return address
