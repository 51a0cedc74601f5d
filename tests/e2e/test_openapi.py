"""The admin interface of a router that has carried requests, asked by schemathesis about what `/openapi.json` says.

Every operation with values at and beyond the bounds of its parameters: nothing may answer but as it is described, and
other methods are refused. The same seed on every run.
"""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.testing.backend import backend
from tests.testing.http import ask
from tests.testing.router import config, inet, process

pytestmark = pytest.mark.skipif(find_spec("schemathesis") is None, reason="schemathesis is not installed")

SETTINGS = """
[phases.coverage]
unexpected-methods = ["DELETE"]

[checks]
positive_data_acceptance.expected-statuses = ["2xx", "303", "400", "404", "501"]
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "501"]
"""
"""Of other methods one: `test_safe_to_look.py` tries all.

That a text is a dtab no schema says. 501 is Linkerd's answer where there is no such router."""
STYLE = {f"#/components/parameters/{name}" for name in ("watch", "color", "ascii")}
FORM = "#/components/parameters/as"
"""That is the same for each view: tried for one."""
ENDLESS = frozenset({"application/x-ndjson", "text/event-stream"})


def bounded(described: dict[str, Any]) -> dict[str, Any]:
    """What is described, without what goes on until one leaves, and once where paths have the same handler."""
    seen: set[str] = set()
    for path, methods in described["paths"].items():
        for method, operation in list(methods.items()):
            left_out = STYLE if path == "/services" else STYLE | {FORM}
            parameters = [each for each in operation.get("parameters", ()) if each.get("$ref") not in left_out]
            if path == "/requests":  # as a view, which waits for nothing
                parameters = [each for each in parameters if each.get("name") in ("status", "min_ms", "sample")]
                parameters.append({"name": "as", "in": "query", "required": True, "schema": {"enum": ["json", "text"]}})
            operation["parameters"] = parameters
            content = operation["responses"]["200"]["content"]
            for media_type in ENDLESS & content.keys():
                del content[media_type]
            same = json.dumps({**operation, "operationId": ""})
            if same in seen:
                del methods[method]
            seen.add(same)
    described["paths"] = {path: methods for path, methods in described["paths"].items() if methods}
    return described


async def test_every_operation_answers_as_it_is_described(tmp_path: Path) -> None:
    telemetry = [{"kind": "io.l5d.prometheus"}, {"kind": "io.l5d.influxdb"}]
    admin = {"security": {"pathBlacklist": ["/admin/shutdown"]}}
    async with backend() as service:
        configuration = config(f"/svc => {inet(service.port)}", admin=admin) | {"telemetry": telemetry}
        async with process(configuration, tmp_path) as router:
            (port,), admin_port = await router.ports()
            assert (await ask(port)).status == 200
            described = json.loads((await ask(admin_port, "localhost", target="/openapi.json")).text)
            (tmp_path / "openapi.json").write_text(json.dumps(bounded(described)))
            (tmp_path / "schemathesis.toml").write_text(SETTINGS)
            found = await trio.run_process(
                [
                    *(sys.executable, "-m", "schemathesis.cli", "run", "openapi.json"),
                    *("--url", f"http://127.0.0.1:{admin_port}", "--phases", "coverage", "--seed", "1"),
                    *("--continue-on-failure", "--warnings", "off"),
                ],
                cwd=tmp_path,
                capture_stdout=True,
                stderr=subprocess.STDOUT,
                check=False,
            )
            words = found.stdout.decode("utf-8", "replace")
            assert found.returncode == 0, words
            assert "No issues found" in words
            assert (await ask(admin_port, "localhost", target="/admin/ping")).text == "pong"
        assert "Traceback" not in router.words()
