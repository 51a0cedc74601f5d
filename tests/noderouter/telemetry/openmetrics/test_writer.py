"""The text, and what prometheus_client's parsers read from it."""

import gc
from collections.abc import Iterator
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from noderouter.telemetry.exemplar import Exemplar
from noderouter.telemetry.histogram import COUNT, LATENCY, LIFETIME, Histogram, Scale
from noderouter.telemetry.openmetrics.family import Family, Type
from noderouter.telemetry.openmetrics.writer import PORTION, Format, Writer, accepted, joined, label, shown

REQUESTS = Family("a_requests", Type.COUNTER, "Requests", ("name",))
SECONDS = Family("a_seconds", Type.HISTOGRAM, "Times", (), "seconds")


def text_of(writer: Writer) -> str:
    return b"".join(writer.portions()).decode()


@pytest.mark.parametrize(
    ("accept", "format"),
    [
        ("", Format.TEXT),
        ("*/*", Format.TEXT),
        ("text/html, */*;q=0.1", Format.TEXT),
        ("application/openmetrics-text", Format.OPENMETRICS),
        (
            "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            Format.OPENMETRICS,
        ),
        ("Application/OpenMetrics-Text; q=0.2, text/plain; q=0.9", Format.TEXT),
        ("application/openmetrics-text;q=0", Format.TEXT),
        ("application/openmetrics-text;q=x", Format.TEXT),
    ],
)
def test_the_format_is_negotiated(accept: str, format: Format) -> None:
    assert accepted(accept) is format


def test_both_formats_of_a_counter() -> None:
    texts = []
    for format in Format:
        writer = Writer(format)
        writer.add(REQUESTS, label("name", "x"), 3)
        texts.append(text_of(writer))
    assert texts == [
        '# HELP a_requests Requests\n# TYPE a_requests counter\na_requests_total{name="x"} 3\n# EOF\n',
        '# HELP a_requests_total Requests\n# TYPE a_requests_total counter\na_requests_total{name="x"} 3\n',
    ]


def test_an_info_is_a_gauge_where_there_are_none() -> None:
    writer = Writer(Format.TEXT)
    writer.add(Family("a_build", Type.INFO, "The version"), label("version", "1"), 1)
    assert "# TYPE a_build_info gauge\n" in text_of(writer)


def test_units_are_said() -> None:
    writer = Writer(Format.OPENMETRICS)
    writer.add(Family("a_age_seconds", Type.GAUGE, "Age", (), "seconds"), "", 0.5)
    (family,) = read_openmetrics(text_of(writer))
    assert (family.unit, family.samples[0].value) == ("seconds", 0.5)


@given(st.text(alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\r"), max_size=40))
def test_any_name_is_a_label_and_nothing_else(name: str) -> None:
    for format, read in ((Format.OPENMETRICS, read_openmetrics), (Format.TEXT, read_text)):
        writer = Writer(format)
        writer.add(REQUESTS, label("name", name), 1)
        text = text_of(writer)
        assert text.count("\n") == (4 if format is Format.OPENMETRICS else 3)
        (family,) = read(text)
        assert [sample.labels for sample in family.samples] == [{"name": name}]


@pytest.mark.parametrize(
    ("value", "text"), [(3, "3"), (True, "1"), (0.25, "0.25"), (inf, "+Inf"), (-inf, "-Inf"), (nan, "NaN")]
)
def test_numbers(value: float, text: str) -> None:
    assert shown(value) == text


def test_labels_are_joined() -> None:
    assert joined("", 'a="1"', "", 'b="2"') == 'a="1",b="2"'


@given(st.lists(st.floats(0, 500), max_size=50), st.sampled_from([LATENCY, LIFETIME, COUNT]), st.booleans())
def test_buckets_are_exact_at_their_bounds(values: list[float], scale: Scale, rolled: bool) -> None:
    values = [float(round(value)) for value in values] if scale is COUNT else values
    histogram = Histogram(scale)
    for value in values[: len(values) // 2]:
        histogram.add(value)
    if rolled:
        histogram.roll()
    for value in values[len(values) // 2 :]:
        histogram.add(value)
    writer = Writer(Format.OPENMETRICS)
    writer.histogram(SECONDS, "", scale, histogram.totals(), histogram.total_sum)
    (family,) = read_openmetrics(text_of(writer))
    buckets = {sample.labels["le"]: sample.value for sample in family.samples if "le" in sample.labels}
    bounds = [*(scale.bounds[edge] for edge in scale.edges), inf]
    assert [float(bound) for bound in buckets] == pytest.approx(bounds, rel=1e-5)
    assert list(buckets.values()) == [sum(value <= bound for value in values) for bound in bounds]


def test_exemplars_stand_behind_their_bucket_where_there_is_a_place_for_them() -> None:
    texts = {}
    for format in Format:
        writer = Writer(format)
        totals = [0] * len(LATENCY.edges) + [1]
        writer.histogram(SECONDS, "", LATENCY, totals, 50.0, {len(LATENCY.edges): Exemplar("00ab", 50.0, 1.5e9)})
        texts[format] = text_of(writer)
    assert 'a_seconds_bucket{le="+Inf"} 1 # {trace_id="00ab"} 50.0 1500000000.000\n' in texts[Format.OPENMETRICS]
    (family,) = read_openmetrics(texts[Format.OPENMETRICS])
    (exemplar,) = [sample.exemplar for sample in family.samples if sample.exemplar]
    assert (exemplar.labels, exemplar.value) == ({"trace_id": "00ab"}, 50.0)
    assert " # " not in texts[Format.TEXT]


def test_a_large_family_comes_in_portions() -> None:
    writer = Writer(Format.TEXT)
    for n in range(10_000):
        writer.add(REQUESTS, label("name", str(n)), n)
    *portions, last = writer.portions()
    assert len(portions) > 3
    assert all(PORTION <= len(portion) < PORTION + 100 for portion in portions)
    lines = b"".join([*portions, last]).decode().splitlines()
    assert lines[2:] == [f'a_requests_total{{name="{n}"}} {n}' for n in range(10_000)]
    assert list(writer.portions()) == []


def test_a_large_text_is_never_many_objects() -> None:
    """The garbage collector would look at each of them, and hold all requests meanwhile."""
    writer, found = Writer(Format.TEXT), 0
    for n in range(20_000):
        writer.add(REQUESTS, label("name", str(n)), n)
        if n % 1000 == 999:
            found = max(found, sum(1 for _ in held(writer)))
    assert found < 4000


def held(start: object) -> Iterator[object]:
    """Everything that hangs on an object, but classes and what hangs on those."""
    seen, todo = set(), [start]
    while todo:
        each = todo.pop()
        if id(each) not in seen and not isinstance(each, type):
            seen.add(id(each))
            yield each
            todo += gc.get_referents(each)
