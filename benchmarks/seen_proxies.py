"""The proxies of `benchmarks.visibility`: each as it comes, and with everything on that tells of requests.

Everything: each request is traced and its spans are sent to a collector, as OTLP over HTTP; each has a line of JSON in
an access log; noderouter has somebody who looks at all requests live. HAProxy has no traces, so it writes its log only.
The collector is the backend: it reads what it is sent, and answers 200.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Final

from benchmarks.proxies.envoy import Envoy
from benchmarks.proxies.haproxy import HAProxy
from benchmarks.proxies.kind import Proxy, Setup
from benchmarks.proxies.noderouter import NodeRouter
from benchmarks.topology import LOOPBACK

TRACES: Final = "/v1/traces"
ACCESS_LOG: Final = "access.log"


class SeenNodeRouter(NodeRouter):
    """Traces, JSON access log, and one viewer, who comes with `watched`."""

    name: ClassVar[str] = "noderouter, everything"

    def write(self, setup: Setup) -> None:
        """Add to what there is by default."""
        super().write(setup)
        file = setup.directory / "noderouter.yaml"
        collector = f"http://{LOOPBACK}:{setup.topology.ports[-1]}{TRACES}"
        log = f"  httpAccessLog: {json.dumps(str(setup.directory / ACCESS_LOG))}\n  httpAccessLogFormat: json\n"
        text = file.read_text().replace("  servers:", f"{log}  servers:")
        file.write_text(f"{text}telemetry:\n- kind: io.l5d.otlp\n  endpoint: {collector}\n  sampleRate: 1.0\n")


class SeenEnvoy(Envoy):
    """Its OpenTelemetry tracer, and its file access log in JSON."""

    name: ClassVar[str] = "envoy, everything"

    def write(self, setup: Setup) -> None:
        """Add to what there is by default."""
        super().write(setup)
        file = setup.directory / "envoy.json"
        found = json.loads(file.read_text())
        resources = found["static_resources"]
        manager = resources["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
        manager |= {"access_log": [_access_log(setup.directory / ACCESS_LOG)], "tracing": _tracing()}
        resources["clusters"].append(_collector(setup.topology.ports[-1]))
        file.write_text(json.dumps(found, indent=1))


class SeenHAProxy(HAProxy):
    """Its HTTP log, on standard output, which is a file."""

    name: ClassVar[str] = "haproxy, its log"

    def write(self, setup: Setup) -> None:
        """Add to what there is by default."""
        super().write(setup)
        file = setup.directory / "haproxy.cfg"
        text = file.read_text().replace("global\n", "global\n  log stdout format raw local0\n")
        file.write_text(text.replace("defaults\n", "defaults\n  log global\n  option httplog\n"))


def _access_log(file: Path) -> dict[str, Any]:
    shown = {
        "time": "%START_TIME%",
        "method": "%REQ(:METHOD)%",
        "path": "%REQ(:PATH)%",
        "authority": "%REQ(:AUTHORITY)%",
        "status": "%RESPONSE_CODE%",
        "flags": "%RESPONSE_FLAGS%",
        "bytes_in": "%BYTES_RECEIVED%",
        "bytes_out": "%BYTES_SENT%",
        "duration_ms": "%DURATION%",
        "first_byte_ms": "%RESPONSE_DURATION%",
        "endpoint": "%UPSTREAM_HOST%",
        "cluster": "%UPSTREAM_CLUSTER%",
        "source": "%DOWNSTREAM_REMOTE_ADDRESS%",
        "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
        "trace": "%TRACE_ID%",
    }
    kind = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
    config = {"@type": kind, "path": str(file), "log_format": {"json_format": shown}}
    return {"name": "envoy.access_loggers.file", "typed_config": config}


def _tracing() -> dict[str, Any]:
    uri = {"uri": f"http://collector{TRACES}", "cluster": "collector", "timeout": "1s"}
    config = {
        "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
        "http_service": {"http_uri": uri},
        "service_name": "envoy",
    }
    return {
        "random_sampling": {"value": 100},
        "spawn_upstream_span": True,
        "provider": {"name": "envoy.tracers.opentelemetry", "typed_config": config},
    }


def _collector(port: int) -> dict[str, Any]:
    address = {"socket_address": {"address": LOOPBACK, "port_value": port}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    return {
        "name": "collector",
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": "collector", "endpoints": endpoints},
    }


@contextmanager
def watched(admin_port: int, core: int) -> Iterator[None]:
    """Look at all requests live, in a process on `core`."""
    url = f"http://{LOOPBACK}:{admin_port}/requests?format=jsonl"
    command = ["taskset", "-c", str(core), "curl", "-sN", "-o", "/dev/null", url]
    with subprocess.Popen(command) as viewer:
        try:
            yield
        finally:
            viewer.terminate()


EVERYTHING: Final[dict[str, Proxy]] = {each.name: each for each in (SeenNodeRouter(), SeenEnvoy(), SeenHAProxy())}
"""By name."""
PLAIN: Final = {"noderouter, everything": "noderouter", "envoy, everything": "envoy", "haproxy, its log": "haproxy"}
"""What each is as it comes."""
