"""Which question is answered where; the dashboard's `/help` shows it."""

from typing import Final

from noderouter.admin.security import Group

QUESTIONS: Final = (
    ("Which service fails, which instance causes it?", ("/", "/services", "/endpoints")),
    ("Who calls whom?", ("/graph",)),
    ("Where does a name go, and what would another dtab change?", ("/names",)),
    ("Why does a request get the answer that it gets?", ("/delegator.json", "/client_state.json", "/requests")),
    ("What has the router in effect?", ("/config", "/config.json", "/admin/lint", "/admin/stacks")),
    ("How much of what is there?", ("/metrics", "/admin/metrics.json", "/metrics.json")),
    ("Which instances does it know?", ("/bound-names.json", "/client_state.json")),
    ("Is it ready, and if not, why?", ("/health", "/readyz")),
    ("What is it doing right now?", ("/admin/threads", "/admin/threads.json")),
    ("How much does it log?", ("/logging", "/logging.json")),
)
"""And the paths that answer them; `/admin` has them all."""
GROUPS: Final = {
    **dict.fromkeys(("/", "/services", "/endpoints", "/names", "/health", "/config", "/logging"), Group.UI),
    **dict.fromkeys(("/delegator.json", "/config.json", "/admin/metrics.json", "/metrics.json"), Group.UI),
    **dict.fromkeys(("/client_state.json", "/bound-names.json", "/requests", "/graph", "/metrics"), Group.DIAGNOSTICS),
    **dict.fromkeys(("/admin/lint", "/admin/stacks", "/admin/threads", "/admin/threads.json"), Group.DIAGNOSTICS),
    "/logging.json": Group.CONTROL,
    "/readyz": Group.PROBE,
}
"""Of those paths; a test compares them with the table of routes."""
