"""httpx's own tests of its clients through the router, as its source distribution has them.

Client and server are one process: what it dials is captured, what it answers is not. What passes directly has to pass
captured.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest
import trio

from tests.testing.captured_loopback import Loopback, capturing
from tests.testing.router import process

pytestmark = pytest.mark.root

FILES = ("test_api.py", "test_timeouts.py", "client/test_client.py", "client/test_async_client.py")
PYTEST = ("-c", os.devnull, "-p", "no:trio", "-p", "no:timeout", "-p", "no:cacheprovider", "-q")
"""None of our settings, and nothing that takes tests for itself."""
SECONDS = 120


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """The folder of its sources, of the version that is installed."""
    for each in ("uvicorn", "trustme", "chardet"):
        pytest.importorskip(each, reason=f"httpx's tests need {each} (the extra test)")
    wanted = f"httpx=={httpx.__version__}"
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary=httpx", wanted]
    fetched = subprocess.run(pip, cwd=tmp_path, capture_output=True, text=True, check=False)
    if fetched.returncode:
        pytest.skip(f"the source distribution of {wanted} is not to be had: {fetched.stderr.strip()[-200:]}")
    [archive] = tmp_path.glob("httpx-*.tar.gz")
    subprocess.run(["tar", "-xzf", archive.name], cwd=tmp_path, check=True)
    return tmp_path / archive.name.removesuffix(".tar.gz")


async def outcomes(suite: Path, said: Path, enter: Callable[[], None]) -> dict[str, str]:
    """By test, but for those that were skipped, what went wrong, or ""."""
    argv = [sys.executable, "-m", "pytest", *PYTEST, f"--junit-xml={said}", *(f"tests/{each}" for each in FILES)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    with trio.fail_after(SECONDS):
        await trio.run_process(
            argv, cwd=suite, env=environment, preexec_fn=enter, check=False, stdout=subprocess.DEVNULL
        )
    cases = ElementTree.parse(said).iter("testcase")
    return {
        f"{case.get('classname')}.{case.get('name')}": " ".join(each.get("message", "") for each in case)
        for case in cases
        if case.find("skipped") is None
    }


async def test_httpxs_tests_pass_unchanged(loopback: Loopback, suite: Path, tmp_path: Path) -> None:
    async with process(capturing(), tmp_path, prepare=loopback.direct) as router:
        _, admin = await router.ports()
        directly = await outcomes(suite, tmp_path / "direct.xml", loopback.direct)
        captured = await outcomes(suite, tmp_path / "captured.xml", loopback.captured)
        kinds = await loopback.counted(admin)
    different = {test: why for test, why in captured.items() if why and not directly.get(test)}
    assert not different, "\n\n".join(f"{test}: {why}" for test, why in different.items())
    passed = sum(not why for why in captured.values())
    print(f"httpx's own tests: {passed} passed, through {kinds['http1']} captured connections")
    assert passed > 80
    assert kinds["http1"] > 20
