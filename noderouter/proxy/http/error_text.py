"""Texts for what cannot be routed: Linkerd's, which people search for (docs/linkerd1.md section 5.5).

Built where the error is raised (binding, client, timeouts); `error_reply` sends them. Bounded: a dtab of ten thousand
entries is not shown whole for every unknown host.
"""

from collections.abc import Iterable
from itertools import islice
from typing import Final

from dtab import Dtab, Path
from noderouter.core.errors import BindingTimeout, ConnectError, DeadlineExceeded, NoSuchName

MAX_DENTRIES: Final = 200
MAX_ADDRESSES: Final = 50

MAX_TEXTS: Final = 8

_texts: Final[list[tuple[Dtab, str]]] = []
_UNITS: Final = (("days", 86_400_000), ("hours", 3_600_000), ("minutes", 60_000), ("seconds", 1000))


def no_hosts(name: Path, base: Dtab, override: Dtab | None, stored: Dtab | None = None, reason: str = "") -> NoSuchName:
    """The name resolves to nothing, or to no address.

    `stored` is the dtab of an interpreter that has one; `reason` a line of our own below Linkerd's text.
    """
    return NoSuchName(
        f"Unable to route request!\n\nservice name: {name.show()}\n"
        f"dtab:\n{_configured(stored)}\nbase dtab:\n{_configured(base)}\noverride dtab:\n{_dentries(override)}\n"
        + (f"reason: {reason}\n" if reason else "")
    )


def cannot_connect(
    name: Path, client_id: Path, addresses: Iterable[str], selected: str, reason: str = ""
) -> ConnectError:
    """No connection to `selected`, after all requeues. Addresses as `ip:port`; `reason` as in `no_hosts`."""
    shown = list(islice(addresses, MAX_ADDRESSES + 1))
    if len(shown) > MAX_ADDRESSES:
        shown[-1] = "..."
    return ConnectError(
        f"Unable to establish connection to {selected}.\n\nservice name: {name.show()}\n"
        f"client name: {client_id.show()}\naddresses: [{', '.join(shown)}]\nselected address: {selected}\n"
        + (f"reason: {reason}\n" if reason else "")
    )


def binding_timeout(name: Path, seconds: float, tree: str | None = None) -> BindingTimeout:
    """The name did not settle in time; `tree` (as shown) where it did and no endpoint came up."""
    doing = "resolving name:" if tree is None else f"connecting to {tree} for name:"
    return BindingTimeout(f"Exceeded {show_seconds(seconds)} binding timeout while {doing} {name.show()}")


def total_timeout(name: Path, seconds: float) -> DeadlineExceeded:
    """`totalTimeoutMs` has passed, or the caller's deadline."""
    return DeadlineExceeded(
        f"exceeded {show_seconds(seconds)} to {name.show()} while waiting for a response for the request,"
        " including retries (if applicable)"
    )


def attempt_timeout(client_id: Path, seconds: float) -> DeadlineExceeded:
    """`requestAttemptTimeoutMs` has passed."""
    return DeadlineExceeded(
        f"exceeded {show_seconds(seconds)} to {client_id.show()} while waiting for a response for an individual"
        " request, excluding retries",
        attempt=True,
    )


def show_seconds(seconds: float) -> str:
    """A duration in Finagle's spelling: `10.seconds`, `1.minutes+30.seconds`, `1.seconds+500.milliseconds`."""
    rest = round(seconds * 1000)
    parts = []
    for unit, milliseconds in _UNITS:
        count, rest = divmod(rest, milliseconds)
        if count:
            parts.append(f"{count}.{unit}")
    if rest or not parts:
        parts.append(f"{rest}.milliseconds")
    return "+".join(parts)


def _configured(dtab: Dtab | None) -> str:
    """The dentries of a dtab of the configuration: every unknown name shows the same ones, so they are kept as text."""
    if dtab is None:
        return ""
    for known, text in _texts:
        if known is dtab:
            return text
    text = _dentries(dtab)
    del _texts[MAX_TEXTS - 1 :]
    _texts.insert(0, (dtab, text))
    return text


def _dentries(dtab: Dtab | None) -> str:
    if dtab is None:
        return ""
    lines = [f"  {entry.prefix.show()} => {entry.dst.show()}" for entry in dtab.dentries[:MAX_DENTRIES]]
    if len(dtab) > MAX_DENTRIES:
        lines.append(f"  ... and {len(dtab) - MAX_DENTRIES} more")
    return "\n".join(lines)
