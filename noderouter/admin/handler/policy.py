"""`POST /policy/whatif`: what other policies would have done to the requests of the last minutes. It changes nothing.

The body is the list of policies as text, or JSON: `{"policies": "- name: …", "minutes": 15}`.
"""

import json
from functools import partial
from typing import Final

from noderouter.admin.message import JSON, Request, Response, text
from noderouter.admin.state import AdminState
from noderouter.core.background import aside
from noderouter.naming.stored.text import TextError
from noderouter.policy.recent import MINUTES
from noderouter.telemetry.portions import json_text

_TEXTS: Final = ("", "text/plain", "application/yaml", "application/x-www-form-urlencoded")
"""Media types of policies as text; the last one is what curl says of `--data-binary @file`."""


async def what_if(state: AdminState, request: Request) -> Response:
    """Answer the comparison; `?minutes=5` looks at fewer of them."""
    if state.policy_what_if is None:
        return text("this router has no `policy` in its configuration, so it has seen nothing to judge\n", 404)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip(" \t").lower()
    minutes: object = request.query.get("minutes", str(MINUTES))
    if media_type == "application/json":
        try:
            asked = json.loads(request.body)
        except (ValueError, RecursionError):
            asked = None
        if not isinstance(asked, dict) or not isinstance(asked.get("policies"), str):
            return text('the body must be an object such as {"policies": "- name: nobody"}\n', 400)
        draft, minutes = asked["policies"], asked.get("minutes", minutes)
    elif media_type in _TEXTS:
        draft = request.body.decode("utf-8", "replace")
    else:
        return text("the content type must be text/plain (a list of policies) or application/json\n", 415)
    shown = str(minutes)
    if not (shown.isascii() and shown.isdigit() and len(shown) < 3 and 1 <= int(shown) <= MINUTES):
        return text(f"minutes: 1 to {MINUTES}\n", 400)
    from noderouter.policy.model import parse_policies  # where there are policies, it has been imported

    async with state.delegations:
        # With aliases a few KB of text are 100,000 values.
        policies = await aside(partial(parse_policies, draft))
        if isinstance(policies, TextError):
            return text(f"invalid policies: {policies}\n", 400)
        return Response(200, await json_text(await state.policy_what_if(policies, int(shown))), JSON)
