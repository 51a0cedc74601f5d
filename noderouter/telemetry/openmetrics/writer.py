"""The text of families, in OpenMetrics 1.0 or in Prometheus' text format 0.0.4.

Series come in the order of the tree, and those of one family have to stand together: each family has a text of its own,
which grows as the tree is walked. prometheus_client writes whole registries only, in one go, which would hold the
loop for a third of a second where there are a thousand services; its parser reads this in the tests.

A text becomes bytes as it grows, so that there are never many pieces: the garbage collector looks at each piece of a
list that is young, and a hundred thousand lines are three milliseconds to it.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from math import isinf, isnan
from typing import Final

from noderouter.telemetry.exemplar import Exemplar
from noderouter.telemetry.histogram import Scale
from noderouter.telemetry.openmetrics.family import Family, Type

PORTION: Final = 64 * 1024
"""Characters of a portion, about."""


class Format(Enum):
    """How the text is written; the value is its content type."""

    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
    TEXT = "text/plain; version=0.0.4; charset=utf-8"


def accepted(accept: str) -> Format:
    """Return the format for an `Accept` field: OpenMetrics where it is asked for, and nothing else is preferred."""
    openmetrics = plain = 0.0
    for part in accept.split(","):
        media, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = _quality(parameters)
        if media == "application/openmetrics-text":
            openmetrics = max(openmetrics, quality)
        elif media == "text/plain":
            plain = max(plain, quality)
    return Format.OPENMETRICS if openmetrics and openmetrics >= plain else Format.TEXT


def _quality(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0


class _Text:
    """The text of one family; `sample` is the name of its samples, where they have only one."""

    __slots__ = ("_done", "_open", "_size", "sample")

    def __init__(self, sample: str, head: str) -> None:
        self.sample = sample
        self._done: list[bytes] = []
        self._open = [head]
        self._size = len(head)

    def add(self, piece: str) -> None:
        """Write lines."""
        self._open.append(piece)
        self._size += len(piece)
        if self._size >= PORTION:
            self._seal()

    def done(self) -> list[bytes]:
        """Return all that was written; nothing may be added afterwards."""
        self._seal()
        return self._done

    def _seal(self) -> None:
        self._done.append("".join(self._open).encode("utf-8", "replace"))
        self._open = []
        self._size = 0


class Writer:
    """Collects the text of all families."""

    __slots__ = ("_bounds", "_format", "_texts")

    def __init__(self, format: Format) -> None:
        self._format = format
        self._texts: dict[str, _Text] = {}
        self._bounds: dict[Scale, list[str]] = {}

    def add(self, family: Family, labels: str, value: float) -> None:
        """Write one sample; `labels` as `label` and `joined` make them."""
        text = self._text(family)
        text.add(f"{text.sample}{{{labels}}} {shown(value)}\n" if labels else f"{text.sample} {shown(value)}\n")

    def histogram(
        self,
        family: Family,
        labels: str,
        scale: Scale,
        totals: Sequence[int],
        total_sum: float,
        exemplars: Mapping[int, Exemplar] | None = None,
    ) -> None:
        """Write a histogram: `totals` up to each edge of `scale`, and in all (`Histogram.totals`)."""
        bounds = self._bounds.get(scale)
        if bounds is None:
            shown_bounds = [*(bound_shown(scale.bounds[edge]) for edge in scale.edges), "+Inf"]
            bounds = self._bounds[scale] = [f'le="{each}"}} ' for each in shown_bounds]
        name = family.name
        head = f"{name}_bucket{{{labels}," if labels else f"{name}_bucket{{"
        counts: Sequence[object] = totals
        if exemplars and self._format is Format.OPENMETRICS:  # the older format has no place for them
            counts = [f"{total}{_exemplar(exemplars.get(place))}" for place, total in enumerate(totals)]
        lines = [f"{head}{bound}{count}\n" for bound, count in zip(bounds, counts, strict=True)]
        lines.append(f"{name}_count{_braced(labels)} {totals[-1]}\n{name}_sum{_braced(labels)} {shown(total_sum)}\n")
        self._text(family).add("".join(lines))

    def portions(self) -> Iterator[bytes]:
        """Yield the text, piece by piece, and forget it."""
        texts, self._texts = self._texts, {}
        for text in texts.values():
            yield from text.done()
        if self._format is Format.OPENMETRICS:
            yield b"# EOF\n"

    def _text(self, family: Family) -> _Text:
        text = self._texts.get(family.name)
        if text is None:
            text = self._texts[family.name] = _Text(family.sample, self._head(family))
        return text

    def _head(self, family: Family) -> str:
        if self._format is Format.OPENMETRICS:
            name, type_ = family.name, family.type.value
            unit = f"# UNIT {name} {family.unit}\n" if family.unit else ""
        else:
            name, unit = family.sample, ""
            type_ = "gauge" if family.type is Type.INFO else family.type.value
        return f"# HELP {name} {family.help}\n# TYPE {name} {type_}\n{unit}"


def _exemplar(exemplar: Exemplar | None) -> str:
    """Return what stands behind a bucket's count."""
    if exemplar is None:
        return ""
    return f" # {{{label('trace_id', exemplar.trace_id)}}} {shown(exemplar.seconds)} {exemplar.at:.3f}"


def label(name: str, value: str) -> str:
    """Return one label as it is written."""
    if "\\" in value or '"' in value or "\n" in value:
        value = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{name}="{value}"'


def joined(*labels: str) -> str:
    """Return labels together."""
    return ",".join(filter(None, labels))


def shown(value: float) -> str:
    """Return a number as both formats have it."""
    if type(value) is int:
        return str(value)
    if isnan(value):
        return "NaN"
    if isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if isinstance(value, int) else repr(value)


def bound_shown(bound: float) -> str:
    """Return the bound of a bucket with six digits, always as a float (OpenMetrics, canonical numbers)."""
    return repr(float(f"{bound:.6g}"))


def _braced(labels: str) -> str:
    return f"{{{labels}}}" if labels else ""
