"""Configurations in the shapes that Linkerd published for Kubernetes (docs/linkerd1.md section 8.2): which ones load.

What keeps one from loading is named here, and nothing else may: a key or a kind that is built later makes it load.
"""

import json
from typing import Any

import pytest

from noderouter.config.config import Config
from noderouter.config.validate import validate_text

Json = dict[str, Any]

K8S = {"kind": "io.l5d.k8s", "host": "localhost", "port": 8001}
TELEMETRY = [{"kind": "io.l5d.prometheus"}, {"kind": "io.l5d.recentRequests", "sampleRate": 0.25}]
DTAB = "/srv => /#/io.l5d.k8s/default/http; /host => /srv; /svc => /host; /host/world => /srv/world-v1;"


def transformers(kind: str, **keys: Any) -> Json:
    return {"kind": "default", "transformers": [{"kind": kind} | keys]}


def to_incoming(**keys: Any) -> Json:
    return transformers("io.l5d.k8s.daemonset", namespace="default", port="incoming", service="l5d", **keys)


def outgoing(**keys: Any) -> Json:
    one = {"protocol": "http", "label": "outgoing", "dtab": DTAB, "interpreter": to_incoming()}
    service = {"responseClassifier": {"kind": "io.l5d.http.retryableRead5XX"}}
    return one | {"servers": [{"port": 4140, "ip": "0.0.0.0"}], "service": service} | keys


def incoming(**keys: Any) -> Json:
    one = {"protocol": "http", "label": "incoming", "dtab": DTAB, "interpreter": transformers("io.l5d.k8s.localnode")}
    return one | {"servers": [{"port": 4141, "ip": "0.0.0.0"}]} | keys


def linkerd(*routers: Json, namers: list[Json] | None = None, telemetry: list[Json] | None = None) -> Json:
    return {
        "admin": {"ip": "0.0.0.0", "port": 9990},
        "namers": [K8S] if namers is None else namers,
        "telemetry": TELEMETRY if telemetry is None else telemetry,
        "usage": {"orgId": "examples"},
        "routers": list(routers),
    }


def by_prefix(**keys: Any) -> Json:
    return {"kind": "io.l5d.static", "configs": [keys]}


HOST_NETWORK = {"hostNetwork": True}
TLS = {"certPath": "/certs/tls.crt", "keyPath": "/certs/tls.pk8"}
GRPC = {"protocol": "h2", "experimental": True, "identifier": {"kind": "io.l5d.header.path", "segments": 1}}

LOADING = {
    "linkerd-zipkin": linkerd(
        outgoing(), telemetry=[*TELEMETRY, {"kind": "io.l5d.zipkin", "host": "collector", "port": 9410}]
    ),
    "linkerd": linkerd(outgoing(), incoming()),
    "linkerd-tls": linkerd(
        outgoing(client={"tls": {"commonName": "linkerd", "trustCerts": ["/certs/ca.pem"]}}),
        incoming(servers=[{"port": 4141, "tls": TLS}]),
    ),
    "linkerd-egress": linkerd(
        outgoing(client=by_prefix(prefix="/$/io.buoyant.rinet/443/{service}", tls={"commonName": "{service}"}))
    ),
    "linkerd-cni": linkerd(
        outgoing(interpreter=to_incoming(**HOST_NETWORK)),
        incoming(interpreter=transformers("io.l5d.k8s.localnode", **HOST_NETWORK)),
    ),
    "linkerd-latency": linkerd(outgoing(service=by_prefix(prefix="/svc/hello", totalTimeoutMs=600)), incoming()),
    "linkerd-ingress": linkerd(
        outgoing(),
        incoming(),
        {
            "protocol": "http",
            "label": "ingress",
            "dtab": "/srv => /#/io.l5d.k8s/default/http; /domain/world/hello/www => /srv/hello;"
            " /svc => /$/io.buoyant.http.domainToPathPfx/domain;",
            "servers": [{"port": 4142, "ip": "0.0.0.0", "clearContext": True}],
        },
    ),
    "linkerd-grpc": linkerd(outgoing(**GRPC), incoming(**GRPC)),
    "servicemesh, its http routers": linkerd(
        outgoing(label="http-outgoing"),
        namers=[
            K8S,
            K8S
            | {
                "prefix": "/io.l5d.k8s.http",
                "transformers": [
                    {
                        "kind": "io.l5d.k8s.daemonset",
                        "namespace": "linkerd",
                        "port": "http-incoming",
                        "service": "l5d",
                        "hostNetwork": True,
                    }
                ],
            },
            {
                "kind": "io.l5d.rewrite",
                "prefix": "/portNsSvcToK8s",
                "pattern": "/{port}/{ns}/{svc}",
                "name": "/k8s/{ns}/{port}/{svc}",
            },
        ],
    ),
}

LOADING["servicemesh, its h2 routers"] = linkerd(
    {
        "protocol": "h2",
        "label": "h2-outgoing",
        "experimental": True,
        "dtab": DTAB,
        "h2AccessLog": "/var/log/h2.log",
        "h2AccessLogRollPolicy": "hourly",
        "identifier": {"kind": "io.l5d.header.token", "header": ":authority"},
        "interpreter": to_incoming(**HOST_NETWORK),
        "service": {"responseClassifier": {"kind": "io.l5d.h2.retryableRead5XX"}},
        "client": by_prefix(prefix="/#/io.l5d.k8s/*", initialStreamWindowBytes=65535, maxFrameBytes=16384),
        "servers": [{"port": 4240, "ip": "0.0.0.0", "maxConcurrentStreamsPerConnection": 500}],
    },
    {
        "protocol": "h2",
        "label": "grpc-incoming",
        "dtab": DTAB,
        "identifier": [{"kind": "io.l5d.header.path", "segments": 2}, {"kind": "io.l5d.header.token"}],
        "interpreter": transformers("io.l5d.k8s.localnode", **HOST_NETWORK),
        "service": {"responseClassifier": {"kind": "io.l5d.h2.grpc.default"}},
        "servers": [{"port": 4341, "ip": "0.0.0.0", "initialStreamWindowBytes": 1048576, "windowUpdateRatio": 0.99}],
    },
)

LACKING: dict[str, tuple[Json, set[str]]] = {
    "linkerd-ingress-controller": (
        linkerd(outgoing(identifier={"kind": "io.l5d.ingress"}), telemetry=[]),
        {"routers[0].identifier.kind", "routers[0].identifier[0].kind"},
    ),
    "linkerd-namerd": (
        linkerd(
            outgoing(
                interpreter={
                    "kind": "io.l5d.namerd",
                    "dst": "/$/inet/namerd.default.svc.cluster.local/4100",
                    "namespace": "internal",
                }
            ),
            namers=[],
        ),
        {"routers[0].interpreter.kind"},
    ),
}


@pytest.mark.parametrize("name", LOADING)
def test_it_loads(name: str) -> None:
    found = validate_text(json.dumps(LOADING[name]))
    assert isinstance(found, Config), found


@pytest.mark.parametrize("name", LACKING)
def test_nothing_else_keeps_it_from_loading(name: str) -> None:
    configuration, lacking = LACKING[name]
    found = validate_text(json.dumps(configuration))
    problems = [] if isinstance(found, Config) else found
    assert {problem.path for problem in problems} <= lacking
    assert all("known to Linkerd" in problem.message for problem in problems)
