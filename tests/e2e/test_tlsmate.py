"""tlsmate finds nothing at a server with TLS: another opinion than testssl.sh's, by a package.

It speaks TLS of its own, and so sends what no library of TLS would: values that nobody has given out (RFC 8701), a
ChangeCipherSpec before its time, oracles' questions. What it says of downgrades is left out: it says the same of
`openssl s_server`, which ends a fallback as we do.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.testing.backend import backend
from tests.testing.router import config, inet, routing
from tests.testing.tls import server_keys

ROOT = Path(__file__).resolve().parents[2]
NOTHING = {"FALSE", "NA", "NOT_APPLICABLE"}
SPOKEN = {"TLS12", "TLS13"}
ABSENT = ("early_data", "heartbeat", "insecure_renegotiation", "scsv_renegotiation")


async def scanned(port: int) -> dict[str, Any]:
    command = shutil.which("tlsmate") or shutil.which("tlsmate", path=ROOT / ".venv/tlsmate/bin")
    if command is None:
        pytest.skip("needs tlsmate: make setup-tlsmate")
    what = ["scan", "--format=json", "--no-progress", "--no-ocsp", "--no-crl", f"--port={port}", "127.0.0.1"]
    done = await trio.run_process([command, *what], capture_stdout=True, capture_stderr=True)
    text = done.stdout.decode()
    found: dict[str, Any] = json.JSONDecoder().raw_decode(text[text.index("{") :])[0]
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_it_finds_nothing(tmp_path: Path) -> None:
    async with backend() as service:
        servers = [{"port": 0, "http2": {}, "tls": server_keys(tmp_path)}]
        async with routing(config(f"/svc => {inet(service.port)}", servers=servers)) as router:
            found = await scanned(router.port)
    assert {each["version"]["name"] for each in found["versions"] if each["support"] == "TRUE"} == SPOKEN
    judged = {
        name: each["vulnerable"] if isinstance(each, dict) else each for name, each in found["vulnerabilities"].items()
    }
    assert len(judged) >= 10
    assert set(judged.values()) <= NOTHING, judged
    features = found["features"]
    assert set(features["grease"].values()) == {"TRUE"}, features["grease"]
    assert set(features["ephemeral_key_reuse"].values()) <= NOTHING
    assert [each["name"] for each in features["compression"]] == ["NULL"]
    assert {features[name] for name in ABSENT} == {"FALSE"}
    assert features["extended_master_secret"] == "TRUE"
