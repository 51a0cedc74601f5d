"""The program that `helm test` runs in a pod, run here against a real router."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import trio

from tests.charts.helm import CHART, Helm, Object, one
from tests.testing.router import config, routing

PROGRAM = CHART / "files" / "test.py"


async def run(admin_port: int, **environment: str) -> tuple[int, str]:
    """Exit code and what was said."""
    url = f"http://127.0.0.1:{admin_port}"
    env = {"PROBES_URL": url, "ADMIN_URL": url, "PATIENCE": "0"} | environment
    call = partial(trio.run_process, [sys.executable, "-I", PROGRAM], env=env, capture_stdout=True, check=False)
    done = await call(stderr=subprocess.STDOUT)
    assert isinstance(done.stdout, bytes)
    return done.returncode, done.stdout.decode()


async def test_a_ready_router_that_knows_the_name_passes(tmp_path: Path):
    dtab = tmp_path / "dtab"
    dtab.write_text("/svc => /$/inet/127.0.0.1/1")
    async with routing(config(interpreter={"kind": "io.l5d.fs", "dtabFile": str(dtab)})) as router:
        status, said = await run(router.admin_port, ROUTER="out", NAME="/svc/hello")
    assert status == 0, said
    assert "/svc/hello is delegate" in said
    assert "/$/inet/127.0.0.1/1" in said


async def test_without_a_name_being_ready_is_enough():
    async with routing(config(admin={"security": {"uiEnabled": False}})) as router:
        assert (await run(router.admin_port))[0] == 0


async def test_a_router_that_does_not_answer_for_the_name_fails():
    async with routing(config()) as router:
        status, said = await run(router.admin_port, ROUTER="none", NAME="/svc/hello")
    assert status == 1
    assert "no delegation of /svc/hello: 501" in said


async def test_metrics_are_looked_at():
    async with routing(config(admin={"probes": {"ip": "127.0.0.1", "port": 0}})) as router:
        port = router.app._probes[0].getsockname()[1]
        status, said = await run(port, METRICS="/admin/metrics/prometheus", ADMIN_URL="")
        assert (status, " metrics\n" in said) == (0, True), said
        status, said = await run(port, METRICS="/admin/metrics")
        assert (status, "no metrics at /admin/metrics: 404" in said) == (1, True)


async def test_nobody_there_fails():
    status, said = await run(1)
    assert status == 1
    assert said.startswith("not ready: 0")


OPEN = {"ip": "0.0.0.0"}


@pytest.mark.parametrize(
    ("admin", "asked"),
    [
        ({}, False),
        (OPEN, True),
        (OPEN | {"security": {"uiEnabled": False}}, False),
    ],
)
def test_the_pod_runs_that_program(helm: Helm, admin: Object, asked: bool):
    pod = one(helm.objects({"admin": admin}), "Pod")
    [container] = pod["spec"]["containers"]
    assert container["command"] == ["python", "-c", PROGRAM.read_text()]
    env = {entry["name"]: entry["value"] for entry in container["env"]}
    url = "http://noderouter-metrics.noderouter.svc"
    assert (env["PROBES_URL"], env["METRICS"]) == (f"{url}:9991", "/admin/metrics/prometheus")
    there = (f"{url}:9990", "outgoing", "/svc/hello")
    assert (env["ADMIN_URL"], env["ROUTER"], env["NAME"]) == (there if asked else ("", "", ""))
