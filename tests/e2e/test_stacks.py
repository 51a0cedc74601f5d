"""`/admin/stacks` of a router that runs, beside `noderouter explain --stacks` of its configuration."""

import json
import shutil
import subprocess
import sys

import pytest
import trio

from tests.testing.backend import backend
from tests.testing.router import config, inet, process

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")


async def curl(url, *options):
    """The body of the answer."""
    done = await trio.run_process(["curl", "-sS", "--max-time", "20", *options, url], capture_stdout=True)
    return done.stdout.decode()


async def test_what_runs_is_what_the_configuration_explains(tmp_path):
    async with backend() as service:
        configuration = config(
            f"/svc => {inet(service.port)}",
            httpAccessLog=str(tmp_path / "access.log"),
            service={"kind": "io.l5d.global", "totalTimeoutMs": 20_000},
            client={"kind": "io.l5d.global", "loadBalancer": {"kind": "ewma"}},
            servers=[{"port": 0, "maxConcurrentRequests": 10}],
        )
        async with process(configuration, tmp_path) as router:
            (port,), admin = await router.ports()
            assert await curl(f"http://127.0.0.1:{port}/", "-H", "host: hello")
            shown = json.loads(await curl(f"http://127.0.0.1:{admin}/admin/stacks?router=out"))["out"]
            assert "/admin/stacks" in (await curl(f"http://127.0.0.1:{admin}/admin/index.txt")).split()
    explain = [sys.executable, "-m", "noderouter.cli", "explain", "--stacks", str(tmp_path / "noderouter.json")]
    explained = json.loads(subprocess.run(explain, capture_output=True, check=True).stdout)["out"]
    assert shown["servers"] == {f"127.0.0.1:{port}": explained["servers"]["127.0.0.1:0"]}
    assert [each["filter"] for each in shown["services"]["/svc/hello"]] == ["TotalTimeout", "Propagate", "Retry"]
    assert shown["services"] == {"/svc/hello": explained["services"]["*"]}
    assert shown["clients"] == {f"/$/inet/127.0.0.1/{service.port}": explained["clients"]["*"]}
    assert shown["clients"][f"/$/inet/127.0.0.1/{service.port}"]["balancer"]["kind"] == "ewma"


async def test_it_is_closed_with_the_other_diagnostics(tmp_path):
    configuration = config(admin={"security": {"diagnosticsEnabled": False}})
    async with process(configuration, tmp_path) as router:
        _, admin = await router.ports()
        url = f"http://127.0.0.1:{admin}/admin/stacks"
        assert await curl(url, "-o", str(tmp_path / "body"), "-w", "%{http_code}") == "404"
