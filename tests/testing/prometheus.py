"""A real Prometheus on loopback, which scrapes what a test says and knows its rules."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import trio
import yaml

from tests.testing.http import ask
from tests.testing.ports import free_ports

Json = dict[str, Any]

UP_SECONDS = 60.0
PACES = (2, 8)
"""Seconds in place of a minute, and between two scrapes: a busy machine may not keep up with the first."""
_MINUTES = re.compile(r"\[(\d+)m\]")
_AGE = re.compile(r"(_seconds\)) > (\d+)")


class Prometheus:
    """Is asked at `port`."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def query(self, expression: str) -> list[Json]:
        """The samples of an instant query."""
        found: list[Json] = (await self._get("query?" + urlencode({"query": expression})))["result"]
        return found

    async def firing(self) -> dict[str, list[Json]]:
        """The labels of all alerts that fire, by name."""
        found: dict[str, list[Json]] = {}
        for alert in (await self._get("alerts"))["alerts"]:
            if alert["state"] == "firing":
                found.setdefault(alert["labels"]["alertname"], []).append(alert["labels"])
        return found

    async def _get(self, target: str) -> Json:
        answer = await ask(self.port, "localhost", f"/api/v1/{target}")
        assert answer.status == 200, answer.text
        data: Json = json.loads(answer.body)["data"]
        return data


def hurried(rules: Json, pace: int) -> Json:
    """The same rules with `pace` seconds in place of a minute, and less of what an alert waits."""

    def soon(rule: Json) -> Json:
        sooner = _AGE.sub(lambda age: f"{age[1]} > {int(age[2]) / 60 * pace:g}", rule["expr"])
        changed = {"expr": _MINUTES.sub(lambda minutes: f"[{int(minutes[1]) * pace}s]", sooner)}
        if "for" in rule:
            changed["for"] = f"{int(rule['for'].removesuffix('m')) * 200}ms"
        return rule | changed

    return {"groups": [group | {"rules": [soon(rule) for rule in group["rules"]]} for group in rules["groups"]]}


@asynccontextmanager
async def prometheus(
    folder: Path, targets: Mapping[str, int], rules: Json, labels: Json, pace: int
) -> AsyncIterator[Prometheus]:
    """Scrapes `/metrics` of `targets`, pods and the ports at which they are on loopback, each `pace` seconds.

    Nothing is left of it at the end.
    """
    command = shutil.which("prometheus")
    if command is None:
        pytest.skip("prometheus is not installed (Debian: apt-get install prometheus)")
    (port,) = free_ports(1)
    listed = [{"targets": [f"127.0.0.1:{at}"], "labels": labels | {"pod": pod}} for pod, at in targets.items()]
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules))
    each = f"{pace}s"
    configuration = {
        "global": {"scrape_interval": each, "scrape_timeout": each, "evaluation_interval": each},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [{"job_name": "noderouter", "metrics_path": "/metrics", "static_configs": listed}],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(configuration))
    log = folder / "prometheus.log"
    with log.open("wb") as output:
        process = await trio.lowlevel.open_process(
            [
                command,
                f"--config.file={folder / 'prometheus.yaml'}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={"PATH": os.defpath, "HOME": str(folder), "GOMAXPROCS": "1"},
        )
    try:
        with trio.fail_after(UP_SECONDS):
            while b"ready to receive web requests" not in log.read_bytes():
                assert process.poll() is None, log.read_text()
                await trio.sleep(0.05)
        yield Prometheus(port)
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
        shutil.rmtree(folder / "tsdb", ignore_errors=True)
