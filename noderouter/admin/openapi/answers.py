"""What answers look like: media types, and the shapes of those that are JSON."""

from typing import Any, Final

from noderouter.admin.openapi.operation import TEXT, Answer, Content, Schema

PLAIN: Final[Content] = {"text/plain": TEXT}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
NUMBER: Final[Schema] = {"type": "number"}
NUMBERS: Final[Schema] = {"type": "object", "additionalProperties": NUMBER}
STRINGS: Final[Schema] = {"type": "array", "items": TEXT}
ANYTHING: Final[Schema] = {"type": "object"}
OPTIONAL_NUMBER: Final[Schema] = {"type": ["number", "null"]}
OPTIONAL_TEXT: Final[Schema] = {"type": ["string", "null"]}


def record(required: dict[str, Any], optional: dict[str, Any] | None = None, *, about: str = "") -> Schema:
    """Return the schema of an object with these members."""
    found: dict[str, Any] = {"type": "object", "properties": {**required, **(optional or {})}}
    if required:
        found["required"] = list(required)
    return found | {"description": about} if about else found


def listed(of: Schema) -> Schema:
    """Return the schema of an array."""
    return {"type": "array", "items": of}


def by_key(of: Schema) -> Schema:
    """Return the schema of an object with such members, whatever they are called."""
    return {"type": "object", "additionalProperties": of}


def plain(about: str = "text", status: int = 200) -> Answer:
    """Return an answer of plain text."""
    return Answer(status, about, PLAIN)


def as_json(schema: Schema, about: str = "an object") -> Answer:
    """Return an answer of JSON."""
    return Answer(200, about, {"application/json": schema})


WRONG: Final = plain("a parameter or the body is wrong; the text says how", 400)

VIEW: Final = record(
    {
        "view": TEXT,
        "router": record({"node": TEXT, "version": TEXT, "uptimeSeconds": NUMBER, "at": NUMBER}),
        "title": TEXT,
        "about": TEXT,
        "windowSeconds": COUNT,
        "problems": listed(
            record({"state": TEXT, "word": TEXT, "what": TEXT, "text": TEXT, "since": True, "path": TEXT})
        ),
        "links": listed(record({"what": TEXT, "path": TEXT})),
    },
    about="besides these members, one for each part of the view; a table has columns and rows",
)
REQUEST: Final = record(
    {
        "time": {"type": "string", "format": "date-time"},
        "router": TEXT,
        "kind": {"type": "string", "enum": ["request", "tunnel", "flow"]},
        "service": OPTIONAL_TEXT,
        "source": TEXT,
        "status": {"type": ["integer", "null"]},
        "error": OPTIONAL_TEXT,
        "duration_ms": NUMBER,
        "attempts": COUNT,
        "trace": {"type": "string", "pattern": "^[0-9a-f]{16}([0-9a-f]{16})?$"},
        "version": OPTIONAL_TEXT,
        "grpc_status": {"type": ["integer", "null"]},
    },
    about="docs/logs.md has all keys",
)
EDGE: Final = record(
    {
        "router": TEXT,
        "source": TEXT,
        "service": TEXT,
        "requests": COUNT,
        "failures": COUNT,
        "rate": NUMBER,
        "success": OPTIONAL_NUMBER,
    }
)
ADDRESSES: Final = by_key(
    record(
        {"state": TEXT, "addresses": STRINGS},
        {"endpoints": by_key(record({"connections": COUNT, "requests": COUNT}))},
    )
)
DELEGATION: Final = record({"type": TEXT})
FINDINGS: Final = record(
    {"routers": by_key({"type": ["array", "null"], "items": record({"entry": TEXT, "code": TEXT, "message": TEXT})})}
)
WHATIF: Final = record(
    {
        "router": TEXT,
        **dict.fromkeys(("names", "not_looked_at", "not_known_in_time"), COUNT),
        **dict.fromkeys(("rate", "moves", "fails_now", "fails_then"), NUMBER),
        "changed": by_key(record({"rate": NUMBER, "moves": OPTIONAL_NUMBER, "now": True, "then": True})),
    }
)
POLICY_WHATIF: Final = record(
    {
        **dict.fromkeys(("minutes", "requests", "refused", "refusedNow", "notShown", "notKept"), COUNT),
        "changed": listed(
            record(
                {
                    **dict.fromkeys(("source", "destination", "method", "path", "then", "policy", "why"), TEXT),
                    **dict.fromkeys(("requests", "port"), COUNT),
                    "claims": {"type": "boolean"},
                }
            )
        ),
    }
)
GRAPH_OR_VIEW: Final[Schema] = {"anyOf": [VIEW, record({"edges": listed(EDGE)})]}
REQUESTS_OR_VIEW: Final[Schema] = {"anyOf": [VIEW, record({"requests": listed(REQUEST), "dropped": COUNT})]}
SCHEMAS: Final = {
    "View": VIEW,
    "GraphOrView": GRAPH_OR_VIEW,
    "RequestsOrView": REQUESTS_OR_VIEW,
    "Addresses": ADDRESSES,
    "Findings": FINDINGS,
    "Whatif": WHATIF,
    "PolicyWhatif": POLICY_WHATIF,
}
"""Those that have a name in the description."""
