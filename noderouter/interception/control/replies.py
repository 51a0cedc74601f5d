"""What the keeper answers, checked: it is another process, and may be of another version, broken, or somebody else.

An answer is one line of JSON with `v` and `type`, and nothing of one that is wrong in part is believed.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

from noderouter.interception.keeper.protocol import VERSION, is_version

MAX_ANSWER_BYTES: Final = 64 * 1024
MAX_WORDS: Final = 300
"""How many characters of the keeper's words are shown."""


class KeeperError(Exception):
    """The connection cannot go on; the message says why, in words for the log."""


class Refused(KeeperError):
    """The keeper has refused a message; the text is the keeper's."""


@dataclass(frozen=True, slots=True)
class Welcome:
    """The keeper accepts us as its router."""

    backend: str
    alive_ms: int
    left_out: frozenset[str] = frozenset()
    """Namespaces whose pods it does not capture, whatever is sent to it."""


@dataclass(frozen=True, slots=True)
class Applied:
    """A list was taken; `error` says that the kernel did not follow, which the keeper retries by itself."""

    generation: int
    error: str


@dataclass(frozen=True, slots=True)
class State:
    """Whether new connections are captured now, and why not; `standby`: only since another keeper captures."""

    armed: bool
    why: str
    standby: bool = False


@dataclass(frozen=True, slots=True)
class Disarmed:
    """New connections go directly from now on, or at the latest when the switch expires, if there is an `error`.

    With `handed_over` they go to the router of another keeper.
    """

    error: str
    handed_over: bool = False


Answer = Welcome | Applied | State | Disarmed


def read_answer(line: bytes) -> Answer:
    """Return what a line holds.

    Raises:
        Refused: it is an `error`.
        KeeperError: it is no answer.
    """
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise KeeperError("the keeper's answer is not JSON; is something else listening there?") from error
    if not isinstance(value, dict) or not is_version(value.get("v")):
        raise KeeperError(f"the keeper's answer is not of version {VERSION}; use one image for router and keeper")
    kind = value.get("type")
    match kind:
        case "error":
            raise Refused(f"the keeper has refused: {_words(value, 'message')}")
        case "welcome":
            return Welcome(_words(value, "backend"), _number(value, "aliveMs"), _names(value, "leftOut"))
        case "applied":
            return Applied(_number(value, "generation"), _words(value, "error"))
        case "state":
            if "armed" not in value:
                raise KeeperError("the keeper's answer has no `armed`")
            return State(_flag(value, "armed"), _words(value, "why"), _flag(value, "standby"))
        case "disarmed":
            return Disarmed(_words(value, "error"), _flag(value, "handedOver"))
    raise KeeperError(f"the keeper's answer is of an unknown type: {str(kind)[:40]!r}")


def printable(words: str, most: int = MAX_WORDS) -> str:
    """Return `words` on one line, without control characters, cut at `most`."""
    return "".join(each if each.isprintable() else " " for each in words)[:most]


def _words(value: dict[str, Any], key: str) -> str:
    found = value.get(key, "")
    if not isinstance(found, str):
        raise KeeperError(f"the keeper's answer has a `{key}` that is not text")
    return printable(found)


def _flag(value: dict[str, Any], key: str) -> bool:
    found = value.get(key, False)
    if not isinstance(found, bool):
        raise KeeperError(f"the keeper's answer has a `{key}` that is neither true nor false")
    return found


def _names(value: dict[str, Any], key: str) -> frozenset[str]:
    found = value.get(key, [])
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise KeeperError(f"the keeper's answer has a `{key}` that is not a list of names")
    return frozenset(found)


def _number(value: dict[str, Any], key: str) -> int:
    found = value.get(key)
    if type(found) is not int or not 0 <= found <= 2**53:
        raise KeeperError(f"the keeper's answer has a `{key}` that is not a number")
    return found
