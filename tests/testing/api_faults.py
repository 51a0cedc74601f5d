"""What a fake API server does wrong, on demand."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Refusal:
    """An answer in place of the right one, for the next `times` requests that contain `words`."""

    status: int
    words: str = ""
    times: int = 1_000_000
    fields: dict[str, str] = field(default_factory=dict)
    message: str = "on demand"

    @property
    def body(self) -> bytes:
        return json.dumps({"kind": "Status", "message": self.message, "code": self.status}).encode()


class Faults:
    """Switches; all off at first."""

    def __init__(self) -> None:
        self.refusals: list[Refusal] = []
        self.slow_list = 0.0
        """Seconds before a list is answered."""
        self.half_open = False
        """Watches are accepted, and then nothing more is said."""
        self.gone_as_event = False
        """A watch from too long ago is answered 200, and ends with an ERROR event."""
        self.cut_after_event = False
        """A watch breaks off behind what it has to say."""
        self.bookmark_every = 60.0
        self.cutting = "whole"
        """How the bytes of a watch travel: `whole`, `torn` in small pieces, or `glued` without line feeds."""
        self.injected: list[bytes] = []
        """What running watches have said beside."""
        self.changed: Callable[[], None] = lambda: None

    def refuse(self, status: int, words: str = "", *, times: int = 1_000_000, retry_after: int | None = None) -> None:
        """Answer requests that contain `words` with `status`."""
        fields = {} if retry_after is None else {"retry-after": str(retry_after)}
        self.refusals.append(Refusal(status, words, times, fields))

    def accept(self) -> None:
        """Refuse nothing any more."""
        self.refusals.clear()

    def inject(self, data: bytes) -> None:
        """Have all running watches say this."""
        self.injected.append(data)
        self.changed()

    def refusal(self, request: str) -> Refusal | None:
        """What is to be answered in place of the right thing, if anything."""
        for refusal in self.refusals:
            if refusal.times and refusal.words in request:
                refusal.times -= 1
                return refusal
        return None

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """How `data` travels."""
        if self.cutting == "torn":
            for start in range(0, len(data), 7):
                yield data[start : start + 7]
        elif self.cutting == "glued":
            yield data.replace(b"\n", b"") + b"\n" if data else b""
        else:
            yield data
