"""Somebody else's tests through the router: CPython's own of its HTTP client, whose every connection is captured.

They run unchanged in a network namespace where a rule in OUTPUT gives what is dialled on loopback to the capture port.
The router has a group of its own, by which the rule lets its connections out.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trio

from tests.cluster.node import namespaces
from tests.testing.router import ON_LOOPBACK, config, process

pytestmark = pytest.mark.root

SUITES = ("test.test_httplib", "test.test_urllib2_localnet")
PORT = 4143
GROUP = 64143
SECONDS = 180
RULES = f"""
table inet capture {{
    chain out {{
        type nat hook output priority -100; policy accept;
        meta skgid {GROUP} return
        oif lo meta l4proto tcp redirect to :{PORT}
    }}
}}
"""
DTAB = "/inet => /$/inet; /svc => /$/io.buoyant.hostportPfx/inet"


def interpreter() -> str:
    """A Python that has its test-suite; distributions keep it in a package of its own."""
    names = ("python3", "python3.11", "python3.12", "python3.13")
    places = os.environ["PATH"], "/usr/bin", "/usr/local/bin"
    found = [path for place in places for name in names if (path := shutil.which(name, path=place))]
    for path in [sys.executable, *found]:
        tried = subprocess.run([path, "-c", f"import {', '.join(SUITES)}"], capture_output=True, check=False)
        if tried.returncode == 0:
            return path
    pytest.skip("no Python here has its test-suite (Debian: libpython3.11-testsuite)")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A namespace with nothing but a loopback, from which all is captured."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    for command in ("ip", "nft", "curl"):
        if shutil.which(command) is None:
            pytest.skip(f"needs {command}")
    made = tmp_path / "net"
    namespaces.create(made)
    try:
        with namespaces.inside(made):
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            subprocess.run(["nft", "-f", "-"], input=RULES, text=True, check=True)
        yield made
    finally:
        namespaces.remove(made)


async def run_suites(python: str, folder: Path, enter: Callable[[], None]) -> tuple[bool, str]:
    """Whether they pass, and what they say; what does not end in time has not passed."""
    said = folder / "said"
    argv = [python, "-X", "faulthandler", "-m", "unittest", "-v", *SUITES]
    with said.open("wb") as output:
        child = await trio.lowlevel.open_process(argv, cwd=folder, preexec_fn=enter, stdout=output, stderr=output)
    with trio.move_on_after(SECONDS):
        await child.wait()
    if child.poll() is None:
        child.send_signal(signal.SIGABRT)  # it says where it hangs
        await child.wait()
    return child.returncode == 0, said.read_text(errors="replace")


async def test_cpythons_http_tests_pass_unchanged(place: Path, tmp_path: Path) -> None:
    python = interpreter()

    def captured() -> None:
        namespaces.enter(place)

    def direct() -> None:
        namespaces.enter(place)
        os.setgid(GROUP)

    servers = [{"ip": "::", "port": PORT, "capture": {}}]
    async with process(config(DTAB, servers=servers, **ON_LOOPBACK), tmp_path, prepare=direct) as router:
        _, admin = await router.ports()
        passes, said = await run_suites(python, tmp_path, captured)
        url = f"http://127.0.0.1:{admin}/admin/metrics.json"
        asked = await trio.run_process(["curl", "-sS", url], preexec_fn=direct, capture_stdout=True)
    if not passes and not (await run_suites(python, tmp_path, direct))[0]:
        pytest.skip(f"CPython's tests do not pass with {python}, whether captured or not")
    assert passes, said
    passed = len(re.findall(r" \.\.\. ok$", said, re.MULTILINE))
    metrics = json.loads(asked.stdout)
    kinds = {kind: metrics[f"rt/out/server/::/{PORT}/captured/{kind}"] for kind in ("http1", "tls", "opaque")}
    print(f"CPython's own HTTP tests: {passed} passed, through these captured connections: {kinds}")
    assert passed > 100
    assert min(kinds.values()) >= 5
