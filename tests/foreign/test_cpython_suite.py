"""Somebody else's tests through the router: CPython's own of its clients and servers, all of it captured.

They run unchanged. What passes directly has to pass captured; `DIFFERENT` are the exceptions, which
docs/interception.md explains.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from tests.testing.captured_loopback import Loopback, capturing
from tests.testing.router import process

pytestmark = pytest.mark.root

HTTP = ("test_httplib", "test_urllib2_localnet", "test_httpservers")
OTHERS = ("test_smtplib", "test_nntplib", "test_socketserver", "test_asynchat")
"""Of these, those that the interpreter has."""
DIFFERENT = {
    r"test_httpservers\.SimpleHTTPServerTestCase\.\w+": "a response of HTTP/1.0 is the router's, of HTTP/1.1",
    r"test_httpservers\.BaseHTTPServerTestCase\.test_return_header_keep_alive": "Connection is each hop's own",
    r"test_httpservers\.BaseHTTPServerTestCase\.test_(head_via_)?send_error": "a 101 that nobody asked for is a 502",
}
LEFT_OUT = ("test.test_httpservers.RequestHandlerLoggingTestCase.test_get",)
"""It waits for its client to close, behind a response that ends with the connection, and is chunked by the router."""

SECONDS = 180
RUNNER = """
import faulthandler, json, sys, unittest

def flat(tests):
    for test in tests:
        yield from flat(test) if isinstance(test, unittest.TestSuite) else [test]

class Result(unittest.TestResult):
    def startTest(self, test):
        super().startTest(test)
        print(test.id(), file=sys.stderr, flush=True)

faulthandler.enable()
left_out = sys.argv[2].split()
suite = unittest.TestSuite(
    test for test in flat(unittest.defaultTestLoader.loadTestsFromNames(sys.argv[3:])) if test.id() not in left_out
)
outcome = {test.id(): "" for test in suite}
result = Result()
suite.run(result)
for test, _ in result.skipped:
    outcome.pop(test.id(), None)
for test, why in result.errors + result.failures:
    outcome[getattr(test, "test_case", test).id()] = why
with open(sys.argv[1], "w") as said:
    json.dump(outcome, said)
"""


def imports(python: str, module: str) -> bool:
    """Whether this Python has the module."""
    return subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0


def interpreter() -> tuple[str, list[str]]:
    """A Python that has its test-suite, which distributions keep in a package of its own; and what it has of it."""
    names = ("python3", "python3.11", "python3.12", "python3.13")
    places = os.environ["PATH"], "/usr/bin", "/usr/local/bin"
    found = [path for place in places for name in names if (path := shutil.which(name, path=place))]
    for path in [sys.executable, *found]:
        has = [name for name in HTTP + OTHERS if imports(path, f"test.{name}")]
        if has[: len(HTTP)] == list(HTTP):
            return path, [f"test.{name}" for name in has]
    pytest.skip("no Python here has its test-suite (Debian: libpython3.11-testsuite)")


async def outcomes(python: str, suites: list[str], folder: Path, enter: Callable[[], None]) -> dict[str, str]:
    """By test, but for those that were skipped, what went wrong, or "". What does not end in time has not passed."""
    folder.mkdir()
    said, progress = folder / "outcome", folder / "progress"
    argv = [python, "-c", RUNNER, str(said), " ".join(LEFT_OUT), *suites]
    with progress.open("wb") as output:
        child = await trio.lowlevel.open_process(argv, cwd=folder, preexec_fn=enter, stdout=output, stderr=output)
    with trio.move_on_after(SECONDS):
        await child.wait()
    if child.poll() is None:
        child.send_signal(signal.SIGABRT)  # it says where it hangs
        await child.wait()
    assert child.returncode == 0, progress.read_text(errors="replace")[-8000:]
    found: dict[str, str] = json.loads(said.read_text())
    return found


async def test_cpythons_tests_pass_unchanged(loopback: Loopback, tmp_path: Path) -> None:
    python, suites = interpreter()

    async with process(capturing(detectTimeoutMs=100), tmp_path, prepare=loopback.direct) as router:
        _, admin = await router.ports()
        found: dict[str, dict[str, str]] = {}

        async def run(way: str, enter: Callable[[], None]) -> None:
            found[way] = await outcomes(python, suites, tmp_path / way, enter)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run, "direct", loopback.direct)
            nursery.start_soon(run, "captured", loopback.captured)
        kinds = await loopback.counted(admin)
    direct_ones = found["direct"]
    different = {test: why for test, why in found["captured"].items() if why and not direct_ones.get(test)}
    known = {test for test in different for pattern in DIFFERENT if re.fullmatch(f"test\\.{pattern}", test)}
    assert different.keys() == known, "\n\n".join(f"{test}: {why}" for test, why in different.items())
    assert all(any(re.fullmatch(f"test\\.{pattern}", test) for test in known) for pattern in DIFFERENT), (
        different.keys()
    )
    passed = sum(not why for why in found["captured"].values())
    print(f"CPython's own tests: {passed} passed, through these captured connections: {kinds}")
    assert passed > 100
    assert min(kinds[kind] for kind in ("http1", "tls", "opaque")) >= 5
