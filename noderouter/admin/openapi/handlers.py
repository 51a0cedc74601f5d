"""What each handler takes and answers. What a new one does not say here is described as anything."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from noderouter.admin.dashboard import assets
from noderouter.admin.dashboard.routes import graph_or_data, requests_or_stream
from noderouter.admin.handler import (
    delegator,
    health,
    index,
    lint,
    logging,
    login,
    metrics,
    names,
    policy,
    process,
    stacks,
    threads,
)
from noderouter.admin.handler.live import GATHERED_MOST, LONGEST, MOST
from noderouter.admin.handler.openapi import openapi
from noderouter.admin.handler.summary import summary_json
from noderouter.admin.handler.whatif import whatif
from noderouter.admin.openapi.answers import (
    ADDRESSES,
    ANYTHING,
    COUNT,
    DELEGATION,
    FINDINGS,
    GRAPH_OR_VIEW,
    NUMBERS,
    OPTIONAL_TEXT,
    PLAIN,
    POLICY_WHATIF,
    REQUESTS_OR_VIEW,
    STRINGS,
    WHATIF,
    WRONG,
    as_json,
    by_key,
    listed,
    plain,
    record,
)
from noderouter.admin.openapi.operation import (
    DTAB,
    FLAG,
    LABEL,
    PATH,
    TEXT,
    Answer,
    Operation,
    Parameter,
    one_of,
    share,
)
from noderouter.admin.openapi.views import FORMS, GRAPH, STYLE, VIEWS, WRONG_VIEW
from noderouter.policy.recent import MINUTES
from noderouter.telemetry.log import LEVELS
from noderouter.telemetry.tap.filter import MAX_MS

_ROUTER: Final = Parameter("router", "of this router alone")
_LOGGERS: Final = as_json(listed(record({"logger": TEXT, "level": one_of(*LEVELS)})), "every logger, the root first")
_LEVEL: Final = record({"logger": TEXT, "level": one_of(*LEVELS)})
_DELEGATED: Final = (
    as_json(DELEGATION, "the delegation"),
    WRONG,
    plain("there is no such router", 501),
    plain("names did not become known in time", 503),
)
_WANTED: Final = ("router", "service", "client", "endpoint", "source")

OPERATIONS: Final[Mapping[Callable[..., Any], Operation]] = {
    **VIEWS,
    graph_or_data: Operation(
        (
            Answer(
                200,
                "the view; with `format`, the edges alone",
                {
                    **FORMS,
                    "application/json": GRAPH_OR_VIEW,
                    "text/vnd.graphviz": TEXT,
                },
            ),
            WRONG_VIEW,
        ),
        (*GRAPH, Parameter("format", "the edges alone", one_of("json", "dot"))),
    ),
    requests_or_stream: Operation(
        (
            Answer(
                200,
                "requests that end from now on: lines, events, or one object; or a view",
                {
                    **FORMS,
                    "application/json": REQUESTS_OR_VIEW,
                    "application/x-ndjson": TEXT,
                    "text/event-stream": TEXT,
                },
            ),
            WRONG_VIEW,
            plain("a page of another site asks", 403),
            plain("as many look as may", 503),
        ),
        (
            STYLE[0],
            Parameter("format", "how lines are written", one_of("json", "jsonl", "sse")),
            *(Parameter(name, "what it is, or how it begins, with a `*` behind") for name in _WANTED),
            Parameter("method", "one or several, with commas"),
            Parameter("path", "how the target begins"),
            Parameter(
                "status",
                "a status, a class such as 5xx, or `error`; several with commas",
                {"type": "string", "pattern": "^$|^([1-5](xx|[0-9][0-9])|error)(,([1-5](xx|[0-9][0-9])|error))*$"},
            ),
            Parameter("min_ms", "it took at least so long", share(MAX_MS)),
            Parameter("sample", "a share of what fits", share(1)),
            Parameter("heads", "with the fields of both heads", FLAG),
            Parameter("n", f"ends after so many; {GATHERED_MOST} at most as JSON", share(MOST)),
            Parameter("seconds", "ends after so long", share(LONGEST)),
        ),
    ),
    assets.serve: Operation(
        (
            Answer(200, "the file", {"text/css": TEXT, "text/javascript": TEXT}, ("etag",)),
            Answer(304, "it is the one that `If-None-Match` names"),
        ),
        (Parameter("v", "the hash of the content: such an address is kept for a year"),),
    ),
    index.page: Operation((Answer(200, "a page", {"text/html": TEXT}),)),
    index.plain: Operation((plain("one path per line"),)),
    process.ping: Operation((Answer(200, "pong", {"text/plain": {"const": "pong"}}),)),
    process.server_info: Operation(
        (
            as_json(
                record(
                    {
                        **dict.fromkeys(("name", "version", "build", "python"), TEXT),
                        **dict.fromkeys(("pid", "uptime"), COUNT),
                    }
                )
            ),
        )
    ),
    process.config_json: Operation((as_json(ANYTHING, "docs/configuration.md"),)),
    process.shutdown: Operation((plain("it has begun"),), bodiless=True),
    threads.threads: Operation((plain("a few lines for each task"),)),
    threads.threads_json: Operation(
        (as_json(record({"threads": by_key(ANYTHING), "dataPath": STRINGS, "controlPlane": STRINGS})),)
    ),
    summary_json: Operation((as_json(record({"summary": COUNT, "node": TEXT, "version": TEXT}), "of this node"),)),
    stacks.stacks: Operation((as_json(by_key(ANYTHING), "by router"),), (_ROUTER,)),
    lint.lint_text: Operation((plain("a line for each finding"),)),
    lint.lint_json: Operation((as_json(FINDINGS),)),
    metrics.metrics_json: Operation(
        (
            as_json({"anyOf": [NUMBERS, by_key(ANYTHING)]}, "numbers by name; with `tree`, objects within objects"),
            Answer(404, "there is no such subtree", {"application/json": record({"error": TEXT})}),
        ),
        (
            Parameter("q", "a part of the tree, such as rt/outgoing"),
            Parameter("tree", "nested", FLAG),
            Parameter("pretty", "indented and sorted", FLAG),
        ),
    ),
    metrics.prometheus: Operation((Answer(200, "text format 0.0.4", PLAIN),)),
    metrics.influxdb: Operation((Answer(200, "line protocol", PLAIN),)),
    metrics.openmetrics: Operation(
        (Answer(200, "as `Accept` prefers", {"application/openmetrics-text": TEXT, **PLAIN}, ("vary",)),)
    ),
    delegator.by_query: Operation(
        _DELEGATED,
        (
            Parameter("path", "the name", PATH, required=True),
            Parameter("dtab", "in the place of the router's own; empty by default", DTAB),
            Parameter("namespace", "the label of a router; without it only namers are asked", LABEL),
        ),
    ),
    delegator.by_body: Operation(
        (*_DELEGATED, plain("the content type is another one", 415)),
        body={"application/json": record({"path": PATH, "dtab": DTAB}, {"namespace": OPTIONAL_TEXT})},
    ),
    names.bound_names: Operation((as_json(STRINGS, "names"),)),
    names.client_state: Operation((as_json(ADDRESSES, "by client"),), (_ROUTER,)),
    names.shown: Operation((as_json({"type": ["object", "array", "null"]}, "what it knows"),)),
    policy.what_if: Operation(
        (
            as_json(POLICY_WHATIF),
            WRONG,
            plain("no place of policies is configured", 404),
            plain("the content type is another one", 415),
        ),
        (Parameter("minutes", "how far back", share(MINUTES)),),
        body={"text/plain": TEXT, "application/json": record({"policies": TEXT}, {"minutes": COUNT})},
    ),
    whatif: Operation(
        (
            as_json(WHATIF),
            WRONG,
            plain("there is no such router", 404),
            plain("it has no dtab in effect", 409),
            plain("the content type is another one", 415),
        ),
        (_ROUTER,),
        body={
            "text/plain": DTAB,
            "application/json": record({"dtab": DTAB}, {"router": OPTIONAL_TEXT}),
        },
        bodiless=True,
    ),
    login.form: Operation((Answer(200, "a form", {"text/html": TEXT}),)),
    login.log_in: Operation(
        (
            Answer(303, "a cookie, and the way on", PLAIN, ("location", "set-cookie")),
            Answer(401, "this is not the token", {"text/html": TEXT}, ("www-authenticate",)),
            WRONG,
        ),
        body={"application/x-www-form-urlencoded": record({}, {"token": TEXT, "to": TEXT, "out": TEXT})},
    ),
    logging.list_levels: Operation((_LOGGERS,)),
    logging.set_level: Operation(
        (_LOGGERS, WRONG, Answer(303, "set; to a browser", PLAIN, ("location",))),
        (Parameter("logger", "its name"), Parameter("level", "the new one", one_of(*LEVELS))),
        body={"application/x-www-form-urlencoded": _LEVEL},
        bodiless=True,
    ),
    openapi: Operation((as_json(record({"openapi": TEXT, "info": ANYTHING, "paths": ANYTHING}), "this"),)),
    health.livez: Operation((Answer(200, "ok", PLAIN),)),
    health.readyz: Operation(
        (plain("requests are welcome"), plain("they are not; the text says why", 503)),
        (Parameter("verbose", "tell the reasons in any case", FLAG),),
    ),
}
