"""Health checking by gRPC, of the router itself: the two messages of `grpc.health.v1`, and what is answered.

Two messages with one field each are written by hand here, so that nothing of gRPC has to be installed. Pure, but for
what asks whether the router is ready.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import Final

from noderouter.admin.security import is_blacklisted
from noderouter.admin.state import AdminState
from noderouter.core.grpc import Status

CHECK: Final = "/grpc.health.v1.Health/Check"
WATCH: Final = "/grpc.health.v1.Health/Watch"
MAX_BYTES: Final = 1024
"""Of a request: the name of a service, of which there is one, and that is empty."""
_PREFIX_BYTES: Final = 5


class Serving(IntEnum):
    """`HealthCheckResponse.ServingStatus`."""

    SERVING = 1
    NOT_SERVING = 2
    SERVICE_UNKNOWN = 3


class CallError(Exception):
    """A call that ends with a status and words."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Health:
    """What one port answers; `count` is called for each request."""

    def __init__(self, state: AdminState, count: Callable[[], None]) -> None:
        self.count = count
        self.ending = state.ending
        self._readiness = state.readiness
        self._open = {path for path in (CHECK, WATCH) if not is_blacklisted(state.security, path)}

    def is_open(self, path: str) -> bool:
        """Whether there is such a method."""
        return path in self._open

    def of(self, service: str) -> Serving:
        """The state of a service: the router is the one without a name."""
        if service:
            return Serving.SERVICE_UNKNOWN
        return Serving.SERVING if self._readiness()[0] else Serving.NOT_SERVING


def parse_call(data: bytes) -> str:
    """Read the one message of a call; the service that is asked for.

    Raises:
        CallError: it is compressed, not one message, or no HealthCheckRequest.
    """
    if len(data) < _PREFIX_BYTES or int.from_bytes(data[1:_PREFIX_BYTES], "big") != len(data) - _PREFIX_BYTES:
        raise CallError(Status.INTERNAL, "not one message, whole")
    if data[0] != 0:
        raise CallError(Status.UNIMPLEMENTED, "compressed messages are not read")
    try:
        return _service(data[_PREFIX_BYTES:])
    except (ValueError, IndexError):
        raise CallError(Status.INTERNAL, "not a HealthCheckRequest") from None


def show_reply(serving: Serving) -> bytes:
    """A HealthCheckResponse, as it stands in the body of a response."""
    message = bytes((0x08, serving))
    return b"\0" + len(message).to_bytes(4, "big") + message


def _service(message: bytes) -> str:
    """Field 1 of the message; the last one counts, and others are passed over, as everywhere in protobuf."""
    at = 0
    service = ""
    while at < len(message):
        tag, at = _varint(message, at)
        field, wire_type = tag >> 3, tag & 7
        if field == 0:
            raise ValueError("no such field")
        if wire_type == 0:
            _, at = _varint(message, at)
        elif wire_type in (1, 5):
            at += 8 if wire_type == 1 else 4
        elif wire_type == 2:
            size, at = _varint(message, at)
            if field == 1:
                service = message[at : at + size].decode("utf-8")
            at += size
        else:
            raise ValueError("a wire type that is not used")
        if at > len(message):
            raise ValueError("cut off")
    return service


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number without an end")
