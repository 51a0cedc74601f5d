"""The pictures of the documentation, described; `docs.generate` draws them.

house.svg    ARCHITECTURE.md: the rooms, the two halves, and the way of a request
way.svg      README.md: the way of a request alone
names.svg    docs/concepts.md: from a request's name to an address
"""

from typing import Final

from docs.generate.drawing import Arrow, Box, Drawing, row

HOUSE: Final = Drawing(
    title="noderouter: its rooms, and the way of a request",
    description=(
        "A client's request enters the data plane on the left: listener, HTTP/1 codec, filters, identifier, router, "
        "client, HTTP/1 codec, and leaves to an endpoint on the right. Captured connections enter through capture, and "
        "leave as bytes through tcp. Below, the control plane in trio tasks: naming tells the router bound names and "
        "addresses, from Kubernetes, files and DNS; policy tells who may reach what; "
        "interception tells the keeper, a process of its own, whose rules "
        "bring pods' connections to the listener; admin and telemetry show what happens. The composition root stands "
        "above, the shared foundations below."
    ),
    width=960,
    height=640,
    boxes=[
        Box("top", 100, 12, 760, 84, "Composition: what builds, starts and stops the rest", kind="band"),
        *row(
            112,
            38,
            (138, 48),
            12,
            [
                ("commands/", "check, demo"),
                ("app, worker", "and control_plane"),
                ("assembly/", "builds one router"),
                ("config/", "the models of a file"),
                ("overload/", "watermarks, shedding"),
            ],
        ),
        Box("data", 100, 108, 760, 214, "Data plane: proxy/, coroutines on the reactor", kind="band"),
        *row(
            112,
            138,
            (94, 52),
            13,
            [
                ("listener/", "accepts"),
                ("http1/", "bytes to|Exchange"),
                ("filter/", "limits,|context, errors"),
                ("identifier/", "Exchange to|name"),
                ("router/", "name to|bound name"),
                ("client/", "bound name|to endpoint"),
            ],
        ),
        Box("upstream", 754, 138, 94, 52, "http1/", ("Exchange to", "bytes")),
        Box("capture/", 112, 238, 94, 52, "capture/", ("original", "destination")),
        Box("http2/", 219, 198, 94, 40, "http2/", ("every stream",)),
        Box("access_log/", 219, 262, 94, 52, "access_log/", ("one line for", "each request")),
        Box("retry/", 326, 238, 94, 52, "retry/", ("decides, behind", "the router")),
        Box("classifier/", 433, 230, 94, 38, "classifier/", ("a success?",)),
        Box("http/", 433, 274, 94, 38, "http/", ("of all versions",)),
        Box("limit/", 540, 238, 94, 52, "limit/", ("how many,", "how often")),
        Box("balancer/", 647, 238, 94, 52, "balancer/", ("picks; accrual", "sets aside")),
        Box("tcp/", 754, 238, 94, 52, "tcp/", ("tunnels, flows:", "spliced")),
        Box("client", 10, 138, 78, 52, "client", ("a pod",), "outside"),
        Box("endpoint", 872, 138, 78, 52, "endpoint", ("a pod",), "outside"),
        Box("control", 100, 372, 760, 132, "Control plane: trio tasks", kind="band"),
        Box("control_side", 112, 402, 150, 86, "interception/", ("control/: pods, lists,", "health, to the keeper")),
        Box("telemetry/", 276, 402, 104, 86, "telemetry/", ("metrics, logs,", "recent requests")),
        Box("admin/", 394, 402, 104, 40, "admin/", ("for operators",)),
        Box("tokens/", 394, 448, 104, 40, "tokens/", ("issuers and keys",)),
        Box(
            "naming/",
            512,
            402,
            184,
            44,
            "naming/",
            ("dtabs, namers, files, DNS",),
        ),
        Box("policy/", 512, 450, 116, 38, "policy/", ("who may reach what",)),
        Box("tls/", 634, 450, 62, 38, "tls/", ("key files",)),
        Box(
            "kubernetes/", 710, 402, 138, 86, "kubernetes/", ("lists and watches of", "Services, slices,", "ConfigMaps")
        ),
        Box("keeper", 10, 402, 78, 86, "keeper/", ("a process;", "NET_ADMIN,", "the rules"), "outside"),
        Box("sources", 872, 402, 78, 86, "sources", ("API server,", "files, DNS"), "outside"),
        Box("base", 100, 526, 760, 90, "Foundations", kind="band"),
        *row(
            112,
            554,
            (175, 48),
            12,
            [
                ("dtab/", "the language, pure"),
                ("schema/", "YAML with places, problems"),
                ("core/", "Exchange, Service, Var"),
                ("reactor/", "epoll, tasks, wires, Event"),
            ],
        ),
    ],
    arrows=[
        Arrow("client", "listener/", flow="request"),
        Arrow("listener/", "http1/", flow="request"),
        Arrow("http1/", "filter/", flow="request"),
        Arrow("filter/", "identifier/", flow="request"),
        Arrow("identifier/", "router/", flow="request"),
        Arrow("router/", "client/", flow="request"),
        Arrow("client/", "upstream", flow="request"),
        Arrow("upstream", "endpoint", flow="request"),
        Arrow("listener/", "capture/", ("b", "t"), "request", "captured", both=True),
        Arrow("http2/", "access_log/", ("b", "t")),
        Arrow("filter/", "retry/", ("b", "t"), both=True),
        Arrow("router/", "limit/", ("b", "t")),
        Arrow("classifier/", "retry/", ("l", "r")),
        Arrow("client/", "balancer/", ("b", "t"), both=True),
        Arrow("client/", "tcp/", ("b", "t"), "request", at=(0.85, 0.5)),
        Arrow("tcp/", "endpoint", ("r", "b"), "request"),
        Arrow("naming/", "router/", ("t", "b"), label="bound names,|addresses (Var)", at=(0.41, 0.5), along=0.26),
        Arrow("data", "telemetry/", ("b", "t"), label="counts", at=(0.3, 0.5)),
        Arrow("telemetry/", "admin/"),
        Arrow("kubernetes/", "naming/", ("l", "r")),
        Arrow("sources", "kubernetes/", ("l", "r")),
        Arrow("control_side", "keeper", ("l", "r"), both=True),
        Arrow("keeper", "client", ("t", "b"), label="rules"),
    ],
)

WAY: Final = Drawing(
    title="The way of a request through noderouter",
    description=(
        "A client's request is accepted, named by the identifier (/svc/hello), resolved through the dtab to a bound "
        "name (/#/io.l5d.fs/hello), and sent by the balancer to the healthiest endpoint. The dtab and the addresses "
        "come from Kubernetes, files and DNS, and change while the router runs."
    ),
    width=820,
    height=190,
    boxes=[
        Box("client", 10, 36, 80, 56, "client", ("Host: hello",), "outside"),
        Box("router", 120, 8, 580, 96, "a router on every node", kind="band"),
        Box("identifier", 134, 36, 120, 56, "identifier", ("/svc/hello",)),
        Box("interpreter", 300, 36, 170, 56, "interpreter", ("/#/io.l5d.fs/hello",)),
        Box("balancer", 516, 36, 170, 56, "balancer, retries", ("the healthiest endpoint",)),
        Box("endpoint", 730, 36, 80, 56, "endpoint", ("10.2.0.7:80",), "outside"),
        Box("dtab", 300, 136, 170, 44, "dtab", ("/svc => /#/io.l5d.fs",), "outside"),
        Box("addresses", 516, 136, 170, 44, "addresses", ("Kubernetes, files, DNS",), "outside"),
    ],
    arrows=[
        Arrow("client", "identifier", flow="request"),
        Arrow("identifier", "interpreter", flow="request"),
        Arrow("interpreter", "balancer", flow="request"),
        Arrow("balancer", "endpoint", flow="request"),
        Arrow("dtab", "interpreter", ("t", "b"), label="watched"),
        Arrow("addresses", "balancer", ("t", "b"), label="watched"),
    ],
)

NAMES: Final = Drawing(
    title="From a request to an address",
    description=(
        "The request GET / with Host: hello gets the name /svc/hello from the identifier. The dentry /svc => "
        "/#/io.l5d.fs makes it /#/io.l5d.fs/hello, which the namer io.l5d.fs recognises: this is the bound name. The "
        "namer reads two addresses, 127.0.0.1:8101 and 127.0.0.1:8102, and the balancer picks one of them."
    ),
    width=934,
    height=84,
    boxes=[
        Box("request", 10, 16, 106, 52, "Host: hello", ("a request",), "value"),
        Box("name", 188, 16, 100, 52, "/svc/hello", ("a name",), "value"),
        Box("bound", 360, 16, 160, 52, "/#/io.l5d.fs/hello", ("a bound name",), "value"),
        Box("addresses", 592, 16, 130, 52, ":8101, :8102", ("addresses",), "value"),
        Box("endpoint", 794, 16, 130, 52, "127.0.0.1:8101", ("an endpoint",), "value"),
    ],
    arrows=[
        Arrow("request", "name", flow="request", label="identifier"),
        Arrow("name", "bound", flow="request", label="dtab"),
        Arrow("bound", "addresses", flow="request", label="namer"),
        Arrow("addresses", "endpoint", flow="request", label="balancer"),
    ],
)

PICTURES: Final = {"house.svg": HOUSE, "way.svg": WAY, "names.svg": NAMES}
