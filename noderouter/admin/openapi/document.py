"""From a table of routes to its description in OpenAPI 3.1.

Paths, methods and groups are those of the routes, sentences are those of the handlers. What every request may be
answered, before a handler is asked, is said once (`admin.app`).
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from inspect import getdoc
from re import sub
from typing import Any, Final
from urllib.parse import quote

from noderouter.admin.dashboard.page import page
from noderouter.admin.gate import COOKIE, LOGIN, TOKEN_FIELD
from noderouter.admin.handler.openapi import Described
from noderouter.admin.openapi.answers import PLAIN, SCHEMAS
from noderouter.admin.openapi.handlers import OPERATIONS
from noderouter.admin.openapi.operation import LABEL, Operation, Parameter, Schema
from noderouter.admin.openapi.views import STYLE
from noderouter.admin.security import Group

VERSION: Final = "3.1.0"
ABOUT: Final = (
    "HEAD goes with GET. Nothing changes by a GET. A POST from a page of another site is refused. Only addresses, "
    "`localhost` and the names in `admin.hosts` are answered. What is switched off by `admin.security` is not here."
)
GROUPS: Final = {
    Group.UI: "the dashboard, and what it shows",
    Group.CONTROL: "what changes something",
    Group.DIAGNOSTICS: "what the router knows of itself",
    Group.PROBE: "whether it lives, and is ready",
}
ALWAYS: Final = {
    400: "the query has too many fields",
    421: "the host is none of ours",
    500: "a mistake of the router's, which its log has",
    503: "this took too long",
}
"""What any request may be answered."""
POSTED: Final = {
    403: "a page of another site asks",
    408: "the body did not come in time",
    413: "the body is too large",
}
"""And what those with a body may be."""

Json = dict[str, Any]

SCHEMES: Final[Mapping[str, Any]] = {
    "token": {"type": "http", "scheme": "bearer", "description": "a line of the file of `admin.token`"},
    "field": {"type": "apiKey", "in": "header", "name": TOKEN_FIELD, "description": "the same, behind other proxies"},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": f"from {LOGIN}"},
}
"""How one shows that one may."""
UNPROVEN: Final[Json] = {
    "description": "no token, or a wrong one; to browsers the form of `/login`",
    "content": {media_type: {"schema": {"type": "string"}} for media_type in ("text/plain", "text/html")},
    "headers": {"www-authenticate": {"schema": {"type": "string"}}},
}
"""What a request may be answered that is not open to everybody."""

_FORM: Final = "application/x-www-form-urlencoded"


def document(
    routes: Mapping[str, Described], version: str, labels: Iterable[str], is_open: Callable[[str], bool] | None = None
) -> Json:
    """Return the description of these routes; `labels` are those of the routers.

    `is_open` says which paths anybody may have; None where all of them are.
    """
    label = {**LABEL, "enum": list(labels)}
    paths: Json = {}
    for path, route in routes.items():
        operations = paths[quote(path, safe="/:@$,;=+!*'()~")] = {
            method.lower(): _operation(path, method, route.group, handler, label)
            for method, handler in route.methods.items()
        }
        if is_open is not None and not is_open(path):
            for operation in operations.values():
                operation["security"] = [{name: []} for name in SCHEMES]
                operation["responses"]["401"] = UNPROVEN
    components: Json = {
        "responses": {f"answer{status}": _answer(about, PLAIN) for status, about in (ALWAYS | POSTED).items()},
        "parameters": {each.name: _parameter(each, label) for each in STYLE},
        "schemas": dict(SCHEMAS),
    }
    if is_open is not None:
        components["securitySchemes"] = SCHEMES
    return {
        "openapi": VERSION,
        "info": {"title": "noderouter's administrative interface", "version": version, "description": ABOUT},
        "servers": [{"url": "/"}],
        "tags": [{"name": group.value, "description": about} for group, about in GROUPS.items()],
        "paths": paths,
        "components": components,
    }


def subject(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Return who answers: the view of a page, and a handler without what it was bound to."""
    while isinstance(handler, partial):
        handler = handler.args[0] if handler.func is page else handler.func
    return handler


def _operation(path: str, method: str, group: Group, handler: Callable[..., Any], label: Schema) -> Json:
    who = subject(handler)
    said = OPERATIONS.get(who)
    words = sub(r"[^a-z0-9]+", "_", path.lower()).strip("_") or "overview"
    found: Json = {
        "operationId": f"{method.lower()}_{words}",
        "tags": [group.value],
        "summary": " ".join((getdoc(who) or "").partition("\n\n")[0].split()),
    }
    if said is None:
        return found | {"responses": {"default": {"description": "whatever it is"}}}
    form = said.body.get(_FORM, {}).get("properties", {}) if method == "POST" and not said.bodiless else {}
    if said.parameters:
        found["parameters"] = [
            {"$ref": f"#/components/parameters/{each.name}"} if each in STYLE else _parameter(each, label)
            for each in said.parameters
            if each.name not in form
        ]
    if method == "POST" and said.body:
        content = {media_type: {"schema": _filled(schema, label)} for media_type, schema in said.body.items()}
        found["requestBody"] = {"required": not said.bodiless, "content": content}
    return found | {"responses": _responses(method, said)}


def _parameter(parameter: Parameter, label: Schema) -> Json:
    found: Json = {"name": parameter.name, "in": "query", "description": parameter.about}
    if parameter.required:
        found["required"] = True
    return found | {"schema": _filled(parameter.schema, label)}


def _filled(schema: Schema, label: Schema) -> Schema:
    """Return a schema with the labels that there are, also within an object."""
    if schema is LABEL:
        return label
    members: Mapping[str, Schema] = schema.get("properties", {})
    return {**schema, "properties": {k: _filled(v, label) for k, v in members.items()}} if members else schema


def _responses(method: str, said: Operation) -> Json:
    """Return all answers, those of every operation among them; a status has one description."""
    found: Json = {}
    for each in said.answers:
        found[str(each.status)] = _answer(each.about, each.content, each.headers)
    for status in ALWAYS | POSTED if method == "POST" else ALWAYS:
        shared = {"$ref": f"#/components/responses/answer{status}"}
        mine = found.setdefault(str(status), shared)
        if mine is not shared:
            mine["content"] = {**PLAIN_CONTENT, **mine.get("content", {})}
    return dict(sorted(found.items()))


def _answer(about: str, content: Mapping[str, Schema], headers: Iterable[str] = ()) -> Json:
    found: Json = {"description": about}
    if content:
        found["content"] = {media_type: {"schema": _named(schema)} for media_type, schema in content.items()}
    if headers:
        found["headers"] = {name: {"schema": {"type": "string"}} for name in headers}
    return found


def _named(schema: Schema) -> Schema:
    """Return where a schema is that has a name, and another one itself."""
    return next(({"$ref": f"#/components/schemas/{name}"} for name, each in SCHEMAS.items() if each is schema), schema)


PLAIN_CONTENT: Final = {media_type: {"schema": schema} for media_type, schema in PLAIN.items()}
