"""Spans as a collector got them, whatever the format, and the tree that they make."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.testing.backend import Got


@dataclass
class Seen:
    """One span; times in microseconds since the epoch, `tags` as text."""

    trace: str
    id: str
    parent: str | None
    kind: str
    service: str
    began: int
    ended: int
    tags: dict[str, str]
    below: list["Seen"] = field(default_factory=list)

    def shape(self) -> tuple[str, str, list[Any]]:
        """Who recorded it, its status, and the same of what is below it, in the order of time."""
        status = self.tags.get("http.response.status_code") or self.tags.get("error.type", "")
        return f"{self.service} {self.kind}", status, [each.shape() for each in self.below]


def of_zipkin(requests: Iterable[Got]) -> list[Seen]:
    """What Zipkin was sent."""
    found = [span for got in requests for span in json.loads(got.body)]
    return [
        Seen(
            trace=span["traceId"],
            id=span["id"],
            parent=span.get("parentId"),
            kind=span["kind"].lower(),
            service=span["localEndpoint"]["serviceName"],
            began=span["timestamp"],
            ended=span["timestamp"] + span["duration"],
            tags=span["tags"],
        )
        for span in found
    ]


def of_jaeger(answer: Any) -> list[Seen]:
    """What Jaeger's query service answers for traces."""
    found = []
    for trace in answer["data"]:
        for span in trace["spans"]:
            tags = {tag["key"]: str(tag["value"]) for tag in span["tags"]}
            parents = [each["spanID"] for each in span["references"] if each["refType"] == "CHILD_OF"]
            found.append(
                Seen(
                    trace=span["traceID"],
                    id=span["spanID"],
                    parent=parents[0] if parents else None,
                    kind=tags["span.kind"],
                    service=tags["noderouter.router"],
                    began=span["startTime"],
                    ended=span["startTime"] + span["duration"],
                    tags=tags,
                )
            )
    return found


def of_otlp(request: Any) -> list[Seen]:
    """The spans of an `ExportTraceServiceRequest` in JSON, as the Collector writes it to files."""
    found = []
    for of_resource in request["resourceSpans"]:
        for scope in of_resource["scopeSpans"]:
            for span in scope["spans"]:
                tags = {each["key"]: str(next(iter(each["value"].values()))) for each in span["attributes"]}
                found.append(
                    Seen(
                        trace=span["traceId"],
                        id=span["spanId"],
                        parent=span.get("parentSpanId") or None,
                        kind={2: "server", 3: "client"}[span["kind"]],
                        service=tags["noderouter.router"],
                        began=int(span["startTimeUnixNano"]) // 1000,
                        ended=int(span["endTimeUnixNano"]) // 1000,
                        tags=tags,
                    )
                )
    return found


def tree(spans: Iterable[Seen]) -> Seen:
    """The one root of spans of one trace, with the others below it; a span lies within the one above it.

    Raises:
        AssertionError: it is not one trace, or not one tree, or the times are wrong.
    """
    by_id = {span.id: span for span in spans}
    assert len({span.trace for span in by_id.values()}) == 1, by_id
    roots = []
    for span in sorted(by_id.values(), key=lambda each: each.began):
        above = None if span.parent is None else by_id.get(span.parent)
        if above is None:
            roots.append(span)
            continue
        above.below.append(span)
        assert above.began <= span.began + 1, (above, span)  # whole microseconds
        assert span.ended <= above.ended + 1, (above, span)
    assert len(roots) == 1, roots
    return roots[0]
