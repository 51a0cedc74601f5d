"""Attack strings in every field that a stranger can fill, and what becomes of them everywhere they are shown.

| what is filled | by |
| --- | --- |
| service names, hosts, targets, methods, header values, `l5d-*`, contexts of traces | who sends a request |
| reasons, header values, `l5d-err` | who answers one |
| names of files, an address file, a ConfigMap's dtab | who may write there |
| every parameter and body of the admin interface, its paths | who asks it |

| where it is looked for | what it must be |
| --- | --- |
| every path of `/openapi.json`, in each form | text that controls nothing, HTML without their elements, JSON, metrics |
| access logs, the log on a console and as JSON | lines, one for each event, printable |
| spans | JSON whose values are short |
| the commands | text that controls nothing |
"""

import io
import json
import re
import unicodedata
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from urllib.parse import quote, urlencode

import structlog
import trio
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from noderouter.cli import parser
from noderouter.commands.look.command import carry_out
from noderouter.commands.look.output import LookError, Output, one_line
from noderouter.telemetry import log
from tests.testing.api_server import api_server
from tests.testing.backend import backend, response
from tests.testing.http import ask, connect
from tests.testing.loop import until
from tests.testing.router import ON_LOOPBACK, TRUSTING, config, fs, inet, routing


def spelled(text: str) -> str:
    """A label as names may have it, which may hold any byte."""
    return "".join(f"\\x{byte:02x}" for byte in text.encode())


SEEN = "owned"
"""What each of them has, so that it can be found."""
WIRE = f"<{SEEN} on{SEEN}=x>\"'&;{{{{7}}}}\u202e\u009b31m"
"""What a header may hold: elements, quotes, what turns the direction of writing, an escape code of one character."""
SENT = WIRE.encode().decode("latin-1")
"""As the client of these tests sends it."""
RAW = f"\x1b]0;{SEEN}\x07\x1b[31m\r\n\0{WIRE}"
"""And what a file, a label or a parameter may hold besides."""
FORMS = ("text/plain", "text/html", "application/json")
OURS = re.compile(rb"\x1b\[[0-9;]*[mHJ]")
"""Colours, where they are asked for."""
SHOWN = frozenset(
    {
        *("/", "/services", "/service", "/endpoints", "/graph", "/names", "/health", "/requests", "/bound-names.json"),
        *("/delegator.json", "/client_state.json", "/config.json", "/metrics", "/admin/metrics/prometheus", "posted"),
        *("/admin/metrics.json", "/admin/metrics/influxdb", "/admin/stacks", "/admin/lint", "spans", "console"),
        *("noderouter explain", "noderouter graph", "noderouter requests", "noderouter top", "noderouter endpoints"),
        *("/out/interpreter_state/io.l5d.k8s.configMap.json", "json log", "access log", "json access log"),
    }
)
"""Where it has to be seen, at least: else this would not look at it."""
LABEL, SPELLED = spelled(RAW), spelled(SEEN)
"""As it stands in names."""
FILE = f"{RAW.replace(chr(0), '')}"
"""And in names of files."""
HARMFUL = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


class Elements(HTMLParser):
    """What of a page is not text."""

    def __init__(self) -> None:
        super().__init__()
        self.theirs: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag == SEEN or any(name.startswith("on") for name, _ in attrs):
            self.theirs.append(self.get_starttag_text() or tag)
        if any((value or "").strip().lower().startswith("javascript:") for _, value in attrs):
            self.theirs.append(self.get_starttag_text() or tag)


def controls(text: str, allowed: str = "\n") -> list[str]:
    """What in a text controls a terminal, or turns the direction of writing."""
    return [ascii(char) for char in text if char not in allowed and unicodedata.category(char) in HARMFUL]


def leaks(content_type: str, body: bytes) -> list[str]:
    """What is wrong with an answer."""
    text = body.decode("utf-8")  # nothing else is ever sent
    if content_type.startswith("text/html"):
        page = Elements()
        page.feed(text)
        return page.theirs + controls(text)
    if content_type.startswith("application/json"):
        json.loads(text)
    elif content_type.startswith("application/openmetrics-text"):
        list(openmetrics(text))
    elif "version=0.0.4" in content_type:
        list(prometheus(text))
    return controls(text)


async def attack(router, service) -> None:
    """Fill each field of requests with it."""
    named = {"x-name": f"/{LABEL}"}
    fields = [
        ("user-agent", "referer", "cookie", "x-forwarded-for", "l5d-ctx-trace", "l5d-ctx-deadline", "l5d-ctx-dtab"),
        ("l5d-sample", "l5d-reqid", "l5d-err", "l5d-dst-service", "traceparent", "b3", "x-b3-traceid", "via"),
    ]
    filled = [(name, SENT) for names in fields for name in names]
    wanted = [
        {"fields": [*named.items(), *filled]},
        {"fields": [*named.items(), ("tracestate", f"a={SENT}")]},
        {"fields": [("x-name", SENT)]},
        {"fields": [("x-name", "/file/broken")]},
        {"fields": [("x-name", f"/file/{spelled(FILE)}")]},
        {"fields": [("x-name", f"/{LABEL * 60}")]},
        {"fields": [*named.items(), ("l5d-dtab", f"/svc => {SENT}")]},
        {"fields": [*named.items(), ("l5d-dtab", f"/svc => /svc/{LABEL} | {inet(service.port)}")]},
        {"fields": [*named.items()], "host": SENT},
        {"fields": [*named.items()], "host": f"{SEEN}'&;"},
        {"fields": [*named.items()], "target": f"/{quote(RAW)}?a={quote(RAW)}"},
        {"fields": [*named.items()], "target": f"/<{SEEN}>\"'&;?a=<{SEEN}>"},
        {"fields": [*named.items()], "target": f"/{SENT}"},
        {"fields": [*named.items()], "method": f"{SEEN}'|!`"},
        {"fields": [*named.items()], "method": SENT},
        {"fields": [*named.items()], "target": f"/fail?{SEEN}"},
    ]
    for port in router.ports():
        seen = [(await ask(port, **{"host": "h", **keys})).status for keys in wanted]
        assert {200, 400} <= set(seen) <= {200, 400, 502, 503}, seen


def questions(described):
    """Every question: nothing filled, everything, and each parameter alone; as path, query and `Accept`."""
    for path, methods in described["paths"].items():
        operation = methods.get("get")
        if operation is None or path.startswith("/static/"):
            continue
        forms = [each for each in FORMS if each in operation["responses"]["200"]["content"]]
        names = [each["name"] for each in operation.get("parameters", ()) if "name" in each]
        for query in ({}, dict.fromkeys(names, RAW), *({name: RAW} for name in names), {"path": f"/svc/{LABEL}"}):
            if path == "/requests":  # do not wait for any
                query = {"seconds": "0", **query}
            for form in forms if len(forms) > 1 else ("*/*",):
                yield path, query, form


def posts():
    """Questions with a body, and what is wrong with a question before it is looked at: keys of `Running.admin`."""
    form, text = ("Content-Type", "application/x-www-form-urlencoded"), ("Content-Type", "text/plain")
    as_json = ("Content-Type", "application/json")
    asked = {"path": f"/svc/{LABEL}", "dtab": f"/svc/{LABEL} => {RAW}", "namespace": RAW, "router": RAW}
    post = {"method": "POST"}
    yield {"target": "/delegator.json", "fields": [as_json], "body": json.dumps(asked).encode(), **post}
    yield {"target": "/delegator.json", "fields": [as_json], "body": RAW.encode(), **post}
    yield {"target": "/delegator.json", "fields": [("Content-Type", SENT)], "body": b"x", **post}
    yield {"target": "/whatif", "fields": [as_json], "body": json.dumps(asked).encode(), **post}
    yield {"target": f"/whatif?router={quote(RAW)}", "fields": [text], "body": RAW.encode(), **post}
    yield {"target": "/whatif?router=out", "fields": [text], "body": f"/svc => {RAW}".encode(), **post}
    yield {"target": "/whatif?router=out", "fields": [text], "body": f"/svc => /svc/{LABEL}".encode(), **post}
    for accept in FORMS:
        for body in (asked, {**asked, "router": "out"}, {**asked, "router": "out", "dtab": f"/svc => /{LABEL}"}):
            fields = [form, ("Accept", accept)]
            yield {"target": "/names", "fields": fields, "body": urlencode(body).encode(), **post}
    yield {"target": f"/logging.json?logger={quote(RAW)}&level={quote(RAW)}", **post}
    yield {"target": f"/logging.json?logger={quote(RAW)}&level=INFO", **post}
    yield {"target": "/logging.json", "fields": [("Origin", SENT)], **post}
    yield {"target": f"/{quote(RAW)}"}
    yield {"target": "/", "method": f"{SEEN}!"}
    for host in (SENT, f"[::1%25{SENT}]", f"{SEEN}<{SEEN}>"):
        yield {"target": "/", "host": host}


def edit(api, dtab):
    """Change the ConfigMap of the router."""
    api.store.put("configmaps", {"metadata": {"name": "routes", "namespace": "mesh"}, "data": {"dtab": dtab}})


@asynccontextmanager
async def world(tmp_path):
    """A router that shows itself in every way there is, and what it needs."""
    names = tmp_path / "names"
    names.mkdir()
    (names / "broken").write_text(RAW)
    async with backend("collector") as collector, backend() as service, api_server() as api:
        (names / FILE).write_text(service.address)

        async def take(_got):
            return response("", "202 Accepted")

        async def respond(got):
            status = f"503 {WIRE}" if got.target.startswith("/fail") else f"200 {WIRE}"
            return response("x", status, f"x-a: {WIRE}\r\nl5d-err: {WIRE}\r\n")

        collector.respond, service.respond = take, respond
        edit(api, "/x => /y")
        interpreter = {"kind": "io.l5d.k8s.configMap", "name": "routes", "filename": "dtab", "namespace": "mesh"}
        configuration = config(
            f"/svc => {inet(service.port)} ; /svc/file => /#/io.l5d.fs ; /odd/{LABEL} => /#/none/{LABEL}",
            namers=[fs(names)],
            identifier={"kind": "io.l5d.header", "header": "x-name"},
            interpreter={**interpreter, "host": "127.0.0.1", "port": api.port},
            httpAccessLog=str(tmp_path / "access.log"),
            **ON_LOOPBACK,
            **TRUSTING,
        )
        second = {
            "protocol": "http",
            "label": "json",
            "servers": [{"port": 0}],
            "dtab": f"/svc => {inet(service.port)}",
        }
        second |= {"httpAccessLog": str(tmp_path / "access.json"), "httpAccessLogFormat": "json"}
        configuration["routers"].append(second | ON_LOOPBACK)
        configuration["telemetry"] = [
            *({"kind": kind} for kind in ("io.l5d.prometheus", "io.l5d.influxdb")),
            {"kind": "io.l5d.tracelog", "sampleRate": 1.0},
            {"kind": "io.l5d.recentRequests", "sampleRate": 1.0, "capacity": 100},
            {"kind": "io.l5d.zipkin", "host": "127.0.0.1", "port": collector.port, "sampleRate": 1.0},
        ]
        async with routing(configuration) as router:
            await until(lambda: any(event["event"] == "dtab.loaded" for event in router.events))
            yield router, service, collector, api


def lines_of_the_log(router):
    """What the events so far are on a console, and as JSON."""
    structlog.reset_defaults()
    found = []
    for as_json in (False, True):
        stream = io.StringIO()
        log.configure("INFO", stream=stream, as_json=as_json)
        for event in router.events:
            keys = {key: value for key, value in event.items() if key not in ("event", "log_level")}
            getattr(log.unlimited("noderouter.test"), event["log_level"])(event["event"], **keys)
        found.append(stream.getvalue())
    return found


async def commands(router, service, tmp_path):
    """What the commands write, about what is called so."""
    file = tmp_path / "whatif"
    file.write_text(f"/svc/{LABEL} => /$/nil")
    for words in (
        ["top", "--count", "1"],
        ["top", "--count", "1", "--view", "health"],
        ["explain", f"/svc/{LABEL}", "--router", "out"],
        ["explain", RAW],
        ["endpoints"],
        ["endpoints", "--client", RAW],
        ["graph"],
        ["graph", "-o", "dot"],
        ["graph", "--of", RAW],
        ["whatif", str(file), "--router", "out"],
        ["requests", "--count", "3", "--heads"],
    ):
        written = tmp_path / "written"
        with written.open("wb") as out:
            output = Output(out.fileno(), {}, "utf-8")
            output.colour = words[0] in ("top", "requests")
            options = parser().parse_args([*words, "--admin", f"127.0.0.1:{router.admin_port}"])
            async with trio.open_nursery() as nursery:
                if words[0] == "requests":

                    async def send():
                        await until(lambda: len(router.app.control.tap))
                        await attack(router, service)

                    nursery.start_soon(send)
                try:
                    await carry_out(words[0], options, output)
                except LookError as error:
                    written.write_text(one_line(str(error)))
        yield words, written.read_bytes()


async def test_nothing_of_them_is_more_than_text_anywhere(tmp_path):
    found, seen = [], set()

    def look(place, content_type, body, head=b""):
        wrong = leaks(content_type, body) + controls(head.decode("latin-1"), "\r\n")
        found.extend((place, each) for each in wrong)
        if SEEN.encode() in body or SPELLED.encode() in body.replace(b"\\\\", b"\\"):
            seen.add(place)

    async with world(tmp_path) as (router, service, collector, api):
        edit(api, f"/svc => {RAW}")
        await until(lambda: any(event["event"] == "dtab.invalid" for event in router.events))
        await attack(router, service)
        described = json.loads((await router.admin("/openapi.json")).text)
        http = await connect(router.admin_port)
        for path, query, form in questions(described):
            answer = await http.ask("localhost", f"{path}?{urlencode(query)}", fields=[("Accept", form)])
            assert answer.status < 500 or answer.status in (501, 503), (path, query, answer.text)
            look(path, answer["content-type"] or "", answer.body, answer.head)
        await http.close()
        for keys in posts():
            answer = await ask(router.admin_port, **{"host": "localhost", **keys})
            assert answer.status < 500 or answer.status in (501, 503), (keys, answer.text)
            look("posted", answer["content-type"] or "", answer.body, answer.head)
        async for words, written in commands(router, service, tmp_path):
            look(f"noderouter {words[0]}", "text/plain", OURS.sub(b"", written))
        await until(lambda: b"api/v2/spans" in b"".join(got.head for got in collector.got))
    for got in collector.got:
        look("spans", "application/json", got.body)
        assert all(len(value) <= 301 for span in json.loads(got.body) for value in span["tags"].values())
    for name, text in zip(("console", "json log"), lines_of_the_log(router), strict=True):
        look(name, "text/plain", text.encode())
        assert len(text.splitlines()) == len(router.events)
    look("access log", "text/plain", (tmp_path / "access.log").read_bytes())
    for line in (tmp_path / "access.json").read_bytes().splitlines():
        look("json access log", "application/json", line)
    assert found == []
    assert seen >= SHOWN, SHOWN - seen
