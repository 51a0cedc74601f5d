"""The report of `benchmarks.looking`, its tables and its bars."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.bars import Bar
from benchmarks.tables import table

HELD_MS: Final = 5.0
POLL_S: Final = 5.0
POLLED_ONE_IN: Final = 120
"""How seldom a page asks, where making an answer takes long: see `static/app.js`."""
POLLED_PERCENT: Final = 1.0
MEMORY_MB: Final = 150.0
CLICK_MS: Final = 100.0
POLLED: Final = ("/?n=100", "/services?n=100", "/endpoints?n=100", "/graph?n=100")
"""What a page asks for anew, as JSON."""


@dataclass(frozen=True, slots=True)
class Page:
    """One answer: its bytes, how long it held the thread at most, the CPU of the process, how long making took."""

    path: str
    form: str
    size: int
    held_s: float
    cpu_s: float
    made_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that one invocation measured; `browser` is empty where nobody looked."""

    date: str
    machine: dict[str, str]
    settings: dict[str, Any]
    pages: list[Page]
    browser: dict[str, float]

    def save(self, file: Path) -> None:
        """Write it as JSON."""
        file.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, file: Path) -> "Report":
        """Read what `save` wrote.

        Raises:
            ValueError: the file is not a report.
        """
        try:
            data = json.loads(file.read_text())
            pages = [Page(**page) for page in data["pages"]]
            return cls(data["date"], data["machine"], data["settings"], pages, data["browser"])
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"{file} is not a report on looking: {error!r}") from error

    def of(self, path: str, form: str) -> list[Page]:
        """All rounds of one page."""
        return [page for page in self.pages if (page.path, page.form) == (path, form)]


def check(report: Report) -> list[Bar]:
    """No answer holds the thread longer than it may, and no page that refreshes costs more than it may."""
    worst = max(report.pages, key=lambda page: page.held_s, default=None)
    said = "not measured" if worst is None else f"{worst.held_s * 1e3:.2f} ms at worst, by {worst.path} ({worst.form})"
    bars = [Bar(f"held <= {HELD_MS:g} ms", said, worst is not None and worst.held_s * 1e3 <= HELD_MS)]
    for path in POLLED:
        found = polled(report.of(path, "json"))
        text = "not measured" if found is None else f"{found:.2f} %"
        bars.append(
            Bar(
                f"{path} that refreshes: <= {POLLED_PERCENT:g} % of a core",
                text,
                found is not None and found <= POLLED_PERCENT,
            )
        )
    for key, title, limit, unit in (
        ("memory_most_mb", "the page's memory", MEMORY_MB, "MB"),
        ("click_ms", "a click", CLICK_MS, "ms"),
    ):
        if key in report.browser:
            value = report.browser[key]
            bars.append(Bar(f"{title} <= {limit:g} {unit}", f"{value:.0f} {unit}", value <= limit))
    return bars


def polled(pages: Sequence[Page]) -> float | None:
    """Return the percentage of a core that a page costs which is asked for as often as it asks, at the median."""
    return 100 * median(page.cpu_s / max(POLL_S, POLLED_ONE_IN * page.made_s) for page in pages) if pages else None


def render(report: Report) -> str:
    """The facts, the table of pages, what a browser saw, and the bars."""
    settings = report.settings
    facts = (
        f"Measured {report.date}: {settings['rounds']} rounds; scrapes of {settings['scraped']:,} services, pages of "
        f"{settings['shown']:,}, ten endpoints each. Median, and of the hold the greatest.\n"
        f"Machine: {'; '.join(f'{key} {value}' for key, value in report.machine.items())}."
    )
    keys = list(dict.fromkeys((page.path, page.form) for page in report.pages))
    rows = [_row(path, form, report.of(path, form)) for path, form in keys]
    parts = [facts, table(("", "as", "KB", "CPU ms", "held at most, ms"), rows)]
    if report.browser:
        parts.append(_browser(report.browser, settings["minutes"]))
    parts.append("### Bars of looking\n\n" + "\n".join(f"- {bar}" for bar in check(report)))
    return "\n\n".join(parts)


def _browser(seen: dict[str, float], minutes: int) -> str:
    mb = {key: f"{value:.0f}" for key, value in seen.items() if key.endswith("_mb")}
    ms = {key: f"{value:.0f}" for key, value in seen.items() if key.endswith("_ms")}
    return (
        f"In Chromium, `/services` left open for {minutes} minutes: {mb['memory_mb']} MB of its process at last, "
        f"{mb['memory_begin_mb']} at first, {mb['memory_most_mb']} at most. Sorting by a head: {ms['sort_ms']} ms "
        f"until it is drawn; a service: {ms['open_ms']} ms until its view is drawn; a refresh: {ms['refresh_ms']} ms "
        f"of the page's thread; the page itself: {ms['load_ms']} ms, as a document."
    )


def _row(path: str, form: str, pages: Sequence[Page]) -> list[str]:
    return [
        f"`{path}`",
        form,
        f"{median(page.size for page in pages) / 1e3:.0f}",
        f"{median(page.cpu_s for page in pages) * 1e3:.1f}",
        f"{max(page.held_s for page in pages) * 1e3:.2f}",
    ]
