"""What each view of the dashboard takes and answers."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from noderouter.admin.dashboard.query import MOST_ROWS
from noderouter.admin.dashboard.views import endpoints, health, names, overview, service, services, settings
from noderouter.admin.dashboard.views.tables import SERVICE_SORTS
from noderouter.admin.dashboard.watch import LONGEST
from noderouter.admin.dashboard.whose import ALL
from noderouter.admin.openapi.answers import VIEW, record
from noderouter.admin.openapi.operation import (
    DTAB,
    FLAG,
    LABEL,
    MAYBE_PATH,
    NAME,
    TEXT,
    Answer,
    Content,
    Operation,
    Parameter,
    one_of,
    whole,
)
from noderouter.policy.recent import MINUTES

FORMS: Final[Content] = {"text/plain": TEXT, "text/html": TEXT, "application/json": VIEW}
STYLE: Final = (  # of every view
    Parameter("as", "the form, whatever `Accept` says", one_of("text", "html", "json")),
    Parameter("color", "text with colours", FLAG),
    Parameter("ascii", "text without other characters", FLAG),
    Parameter("watch", "text again and again, each so many seconds", whole(1, LONGEST)),
)
_NODES: Final = Parameter("nodes", "of all nodes' routers", one_of(ALL))
_WORDS: Final = Parameter("q", "words of the name")
_ROWS: Final = Parameter("n", "rows of a table", whole(1, MOST_ROWS))
_ROUTER: Final = Parameter("router", "of this router", LABEL)
_ANY_ROUTER: Final = Parameter("router", "of this router, where several have one")
WRONG_VIEW: Final = Answer(400, "a parameter is wrong; the view says how", FORMS)
_PAGE: Final = Answer(200, "the view", FORMS, ("vary", "server-timing"))
_MISSING: Final = Answer(404, "there is none of that name; the view has the nearest", FORMS)
_FULL: Final = Answer(503, "as many watch as may", {"text/plain": TEXT})


def _view(*parameters: Parameter, missing: bool = False) -> Operation:
    answers = (_PAGE, WRONG_VIEW, _FULL)
    return Operation((*answers, _MISSING) if missing else answers, (*parameters, *STYLE))


GRAPH: Final = (
    _WORDS,
    Parameter("of", "what is around this workload or service"),
    Parameter("depth", "so many steps away", whole(1, 10)),
    _ROWS,
    _NODES,
    *STYLE,
)
_ASKED: Final = (
    _ROUTER,
    Parameter("path", "the name", MAYBE_PATH),
    Parameter("dtab", "a draft", DTAB),
    _ROWS,
    Parameter("policies", "a draft of all policies, as `noderouter policy check` reads them"),
    Parameter("minutes", "how far back requests are judged by it", whole(1, MINUTES)),
)
_FORM: Final = record({}, {each.name: each.schema for each in _ASKED})

VIEWS: Final[Mapping[Callable[..., Any], Operation]] = {
    overview.view: _view(_NODES),
    services.view: _view(
        _WORDS,
        Parameter("state", "those that are so", one_of(*services.WORDS)),
        Parameter("sort", "by this column", one_of("state", *SERVICE_SORTS)),
        _ROUTER,
        _ROWS,
        _NODES,
    ),
    service.view: _view(Parameter("name", "the service", NAME, required=True), _ANY_ROUTER, _NODES, missing=True),
    endpoints.view: _view(
        _WORDS,
        Parameter("state", "those that are so", one_of(*endpoints.WORDS)),
        Parameter("client", "those of a bound name"),
        Parameter("service", "those that a service leads to"),
        _ANY_ROUTER,
        Parameter("all", "those that are well, too", FLAG),
        _ROWS,
        _NODES,
    ),
    names.view: Operation(
        (_PAGE, WRONG_VIEW, _FULL), (*_ASKED, *STYLE), body={"application/x-www-form-urlencoded": _FORM}
    ),
    health.view: _view(_NODES),
    settings.logging: _view(),
    settings.config: _view(),
    settings.help: _view(),
}
