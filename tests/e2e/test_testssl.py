"""testssl.sh finds nothing at a server with TLS: versions, suites, forward secrecy, the known vulnerabilities."""

import json
import os
import shutil

import pytest
import trio

from tests.testing.backend import backend
from tests.testing.router import config, inet, routing
from tests.testing.tls import server_keys

HARMLESS = {"OK", "INFO"}
ABOUT_ITSELF = {"engine_problem"}
"""What it says of the `openssl` that it uses."""


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_it_finds_nothing(tmp_path):
    command = shutil.which("testssl") or shutil.which("testssl.sh")
    if command is None:
        pytest.skip("needs testssl.sh")
    out = tmp_path / "found.json"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "dig").write_text("#!/bin/sh\necho 127.0.0.1\n")  # it wants one, and has nothing to ask it
    (tmp_path / "bin" / "dig").chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    async with backend() as service:
        servers = [{"port": 0, "http2": {}, "tls": server_keys(tmp_path)}]
        async with routing(config(f"/svc => {inet(service.port)}", servers=servers)) as router:
            options = ["--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--jsonfile", str(out)]
            what = ["-p", "-s", "-f", "-U", "--ip", "127.0.0.1", f"https://localhost:{router.port}"]
            await trio.run_process(
                ["bash", command, *options, *what],
                env=environment, check=False, capture_stdout=True, capture_stderr=True, cwd=tmp_path,
            )  # fmt: skip
    found = json.loads(out.read_text())
    assert {each["id"] for each in found} >= {"TLS1_3", "heartbleed", "secure_client_renego", "RC4"}
    assert [each for each in found if each["severity"] not in HARMLESS and each["id"] not in ABOUT_ITSELF] == []
