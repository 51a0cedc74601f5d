"""Structured logs: for the control plane, and for rare events of the data plane; never one line per request.

    log = telemetry.log.get("noderouter.proxy.listener")
    log.warning(ADMIN_CRASHED, port=4140, error=str(error))

One line per event on standard error: JSON in a pod, coloured text on a terminal. Each event name may be logged
`BURST` times in `PERIOD` seconds; what is above that is counted, and the next line that passes says how many
were left out. So a failing upstream cannot fill a disk, and no caller has to think about it. Nor does a reader that
stands still hold up anybody: `noderouter run` has put a `LineQueue` before its standard error.

Levels are per logger and can be changed while the router runs (`/logging.json`); a logger without its own has
that of the nearest one above it in its dotted name, or that of `root`.
"""

import io
import json
import sys
from collections.abc import Callable, MutableMapping
from time import gmtime, monotonic, strftime
from typing import Any, Final, TextIO, cast

# structlog loads rich, where it is installed, for tracebacks that are not used here: 80 ms and 6 MB at every start.
sys.modules.setdefault("rich", None)  # type: ignore[arg-type]

import structlog  # noqa: E402
from structlog.typing import FilteringBoundLogger, Processor  # noqa: E402

LEVELS: Final = {
    "ALL": 0,
    "TRACE": 5,
    "DEBUG": 10,
    "INFO": 20,
    "WARNING": 30,
    "ERROR": 40,
    "CRITICAL": 50,
    "FATAL": 60,
    "OFF": 100,
}
"""Linkerd's names; what is below `DEBUG` or above `CRITICAL` only filters."""
ROOT: Final = "root"
BURST: Final = 20
PERIOD: Final = 10.0
NAMES: Final = 256
"""Event names that are told apart; later ones share one allowance."""

MAX_CHARACTERS: Final = 4096
"""Of one value in a line; tracebacks are whole."""

# The names of events, `<part>.<what happened>`; a name never holds a value.
ADMIN_LISTENING: Final = "admin.listening"
ADMIN_CRASHED: Final = "admin.crashed"
ADMIN_EXHAUSTED: Final = "admin.exhausted"
ADMIN_HANDLER_FAILED: Final = "admin.handler_failed"
ADMIN_SERVER: Final = "admin.server"
ADMIN_TOKEN_WRONG: Final = "admin.token_wrong"
LINES_DROPPED: Final = "log.dropped"
EVENTS_UNSENT: Final = "log.unsent"
TRACE_SPAN: Final = "trace.span"

Event = MutableMapping[str, Any]


class Levels:
    """The level of each logger. A processor: drops events below their logger's level."""

    def __init__(self) -> None:
        self._set = {ROOT: "INFO"}
        self._known = {ROOT}
        self._effective: dict[str, int] = {}

    def __call__(self, logger: object, method: str, event: Event) -> Event:
        """See structlog's processors."""
        name = event["logger"] = getattr(logger, "name", ROOT)
        limit = self._effective.get(name)
        if limit is None:
            limit = self._effective[name] = LEVELS[self.of(name)]
        if LEVELS.get("ERROR" if method == "exception" else method.upper(), 0) < limit:
            raise structlog.DropEvent
        return event

    def know(self, name: str) -> None:
        """Note that there is a logger of that name."""
        self._known.add(name)

    def known(self) -> list[str]:
        """Return the names of all loggers, `root` first."""
        return [ROOT, *sorted(self._known - {ROOT})]

    def of(self, name: str) -> str:
        """Return the level of a logger, its own or inherited."""
        while name and name not in self._set:
            name = name.rpartition(".")[0]
        return self._set[name or ROOT]

    def set(self, name: str, level: str) -> None:
        """Change a logger's level.

        Raises:
            KeyError: no logger is called so, nor any below it.
            ValueError: there is no such level.
        """
        if level not in LEVELS:
            raise ValueError(level)
        if not any(known == name or known.startswith(name + ".") for known in self._known):
            raise KeyError(name)
        self._set[name] = level
        self._effective.clear()


class RateLimit:
    """A processor: drops an event whose name was logged too often of late."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, list[float]] = {}  # name -> [end of period, passed, suppressed]

    def __call__(self, _logger: object, _method: str, event: Event) -> Event:
        """See structlog's processors."""
        name = str(event.get("event"))
        if name not in self._seen and len(self._seen) >= NAMES:
            name = ""
        now = self._clock()
        entry = self._seen.setdefault(name, [now + PERIOD, 0, 0])
        if now >= entry[0]:
            if entry[2]:
                event["suppressed"] = int(entry[2])
            entry[:] = [now + PERIOD, 0, 0]
        if entry[1] >= BURST:
            entry[2] += 1
            raise structlog.DropEvent
        entry[1] += 1
        return event


class Listeners:
    """A processor: shows each event to those who tell others of it; nobody listens unless the configuration says so.

    A listener must neither raise nor wait, and keeps nothing of the event itself, which is changed behind it.
    """

    def __init__(self) -> None:
        self._all: tuple[Callable[[Event], None], ...] = ()

    def __call__(self, _logger: object, _method: str, event: Event) -> Event:
        """See structlog's processors."""
        for listener in self._all:
            listener(event)
        return event

    def add(self, listener: Callable[[Event], None]) -> None:
        """Show events to one more."""
        self._all = (*self._all, listener)

    def remove(self, listener: Callable[[Event], None]) -> None:
        """Show it no more."""
        self._all = tuple(each for each in self._all if each != listener)


def shorten(_logger: object, _method: str, event: Event) -> Event:
    """A processor: cuts text that is too long to be read; a client may have chosen it."""
    for key, value in event.items():
        if isinstance(value, str) and len(value) > MAX_CHARACTERS:
            event[key] = value[:MAX_CHARACTERS] + "…"
    return event


def escape(_logger: object, _method: str, event: Event) -> Event:
    """A processor, for text: escapes control characters, so that no value begins a line or commands a terminal."""
    for key, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[key] = value.encode("unicode_escape").decode("ascii")
    return event


class Nowhere(io.TextIOBase):
    """The stream of a process that was started without standard error."""

    def write(self, text: str) -> int:
        """Discard `text`."""
        return len(text)


class Line(structlog.WriteLogger):
    """The destination of one logger's lines."""

    def __init__(self, stream: TextIO, name: str) -> None:
        super().__init__(stream)
        self.name = name


levels: Final = Levels()
listeners: Final = Listeners()
"""Both of the process; structlog's configuration is one per process, too."""


def lost(count: int) -> str:
    """Return the line that stands for lines which were dropped because nobody read them."""
    stamp = strftime("%Y-%m-%dT%H:%M:%SZ", gmtime())
    if sys.stderr is not None and sys.stderr.isatty():
        return f"{stamp} [warning  ] {LINES_DROPPED} lines={count}\n"
    event = {"lines": count, "logger": ROOT, "event": LINES_DROPPED, "level": "warning", "timestamp": stamp}
    return json.dumps(event) + "\n"


def get(name: str) -> FilteringBoundLogger:
    """Return the logger of a part of the router, by its dotted name."""
    levels.know(name)
    logger: FilteringBoundLogger = structlog.get_logger(name)
    return logger


def unlimited(name: str) -> FilteringBoundLogger:
    """Return a logger without an allowance for each event: for events that were asked for line by line.

    To be called once `configure` was.
    """
    levels.know(name)
    made = structlog.get_config()
    processors = [each for each in made["processors"] if not isinstance(each, RateLimit)]
    logger: FilteringBoundLogger = structlog.wrap_logger(
        made["logger_factory"](name), processors=processors, wrapper_class=made["wrapper_class"]
    )
    return logger


def configure(level: str = "INFO", *, stream: TextIO | None = None, as_json: bool | None = None) -> None:
    """Set up logging for the process; called by the composition root only.

    Args:
        level: of all loggers that have none of their own.
        stream: where lines go; standard error. It must not block: see `line_queue.take_standard_error`.
        as_json: JSON or text; by default text where the stream is a terminal.
    """
    stream = stream or sys.stderr or cast(TextIO, Nowhere())
    if as_json is None:
        as_json = not stream.isatty()
    levels.set(ROOT, level)
    structlog.configure(
        processors=[
            levels,
            RateLimit(),
            shorten,
            structlog.processors.add_log_level,
            listeners,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *_renderers(as_json, stream),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(0),
        logger_factory=lambda name=ROOT: Line(stream, name),
        cache_logger_on_first_use=False,
    )


def _renderers(as_json: bool, stream: TextIO) -> list[Processor]:
    if as_json:
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    plain = structlog.dev.plain_traceback
    return [escape, structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=plain)]
