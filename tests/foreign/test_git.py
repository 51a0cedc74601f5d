"""git, captured and directly: over HTTP to its own `http-backend`, and in its own protocol to its daemon."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from tests.testing.captured_loopback import Loopback, capturing
from tests.testing.router import process

pytestmark = pytest.mark.root

HTTP_PORT, GIT_PORT = 8080, 9418
CGI = """
import os, subprocess, sys
from wsgiref.simple_server import WSGIRequestHandler, make_server

def git(environ, start):
    given = {k: v for k, v in environ.items() if isinstance(v, str) and (k.isupper() or k.startswith("HTTP_"))}
    given |= {"GIT_PROJECT_ROOT": sys.argv[2], "GIT_HTTP_EXPORT_ALL": "1", "PATH": os.environ["PATH"]}
    source = environ["wsgi.input"]
    if environ.get("HTTP_TRANSFER_ENCODING") == "chunked":
        body = b""
        while size := int(source.readline(), 16):
            body += source.read(size)
            source.readline()
        source.readline()
        given["CONTENT_LENGTH"] = str(len(body))
    else:
        body = source.read(int(environ.get("CONTENT_LENGTH") or 0))
    said = subprocess.run(["git", "http-backend"], input=body, env=given, capture_output=True, check=True).stdout
    head, _, content = said.partition(b"\\r\\n\\r\\n")
    fields = [tuple(line.split(": ", 1)) for line in head.decode().split("\\r\\n")]
    start(dict(fields).get("Status", "200 OK"), [field for field in fields if field[0] != "Status"])
    return [content]

server = make_server("127.0.0.1", int(sys.argv[1]), git)
server.serve_forever()
"""
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    **{f"GIT_{who}_{what}": "a@b.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}


@pytest.fixture(autouse=True)
def needed() -> None:
    """Skip where git is not, or not whole."""
    if shutil.which("git") is None:
        pytest.skip("needs git")
    path = Path(subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True).stdout.strip())
    if not (path / "git-http-backend").exists() or not (path / "git-daemon").exists():
        pytest.skip("needs git's http-backend and daemon (Debian: git)")


async def git(*arguments: str, folder: Path, enter: object = None) -> str:
    """What git says; it has to succeed."""
    command = ["git", "-c", "protocol.version=2", "-c", "safe.directory=*", *arguments]
    environment = ENVIRONMENT | {"HOME": str(folder)}
    with trio.fail_after(60):
        done = await trio.run_process(
            command, cwd=folder, env=environment, preexec_fn=enter, capture_stdout=True, stderr=subprocess.STDOUT
        )
    return done.stdout.decode().strip()


async def repository(folder: Path) -> Path:
    """One that may be pushed to, with a history, and a file that is too large for one read."""
    made, work = folder / "served" / "a.git", folder / "work"
    await git("init", "-q", "--bare", "-b", "main", str(made), folder=folder)
    await git("config", "http.receivepack", "true", folder=made)
    await git("clone", "-q", str(made), str(work), folder=folder)
    (work / "large").write_bytes(bytes(os.urandom(300_000)))
    for number in range(20):
        (work / "small").write_text(f"{number}\n")
        await git("add", ".", folder=work)
        await git("commit", "-q", "-m", f"{number}", folder=work)
    await git("push", "-q", "origin", "HEAD:main", folder=work)
    return made


async def test_git_clones_pushes_and_fetches(loopback: Loopback, tmp_path: Path) -> None:
    made = await repository(tmp_path)
    served = made.parent
    url, other_url = f"http://127.0.0.1:{HTTP_PORT}/a.git", f"git://127.0.0.1:{GIT_PORT}/a.git"
    daemon = [
        f"{await git('--exec-path', folder=tmp_path)}/git-daemon",  # itself: `git daemon` would be its parent
        "--export-all",
        f"--base-path={served}",
        f"--port={GIT_PORT}",
        "--listen=127.0.0.1",
    ]
    cgi = [sys.executable, "-c", CGI, str(HTTP_PORT), str(served)]
    async with (
        loopback.serving(cgi, HTTP_PORT, stderr=subprocess.DEVNULL),
        loopback.serving(daemon, GIT_PORT, stderr=subprocess.DEVNULL),
        process(capturing(), tmp_path, prepare=loopback.direct) as router,
    ):
        _, admin = await router.ports()
        heads = {}
        for way, enter in (("direct", loopback.direct), ("captured", loopback.captured)):
            work, copy, other = (tmp_path / f"{way}-{name}" for name in ("work", "copy", "other"))
            await git("clone", "-q", url, str(work), folder=tmp_path, enter=enter)
            await git("clone", "-q", other_url, str(other), folder=tmp_path, enter=enter)
            await git("clone", "-q", "--depth=1", url, str(copy), folder=tmp_path, enter=enter)
            (work / way).write_bytes(bytes(os.urandom(2_000_000)))  # pushed chunked: more than http.postBuffer
            await git("add", ".", folder=work)
            await git("commit", "-q", "-m", way, folder=work)
            await git("push", "-q", "origin", "main", folder=work, enter=enter)
            for each in (copy, other):
                await git("pull", "-q", "--ff-only", folder=each, enter=enter)
            heads[way] = {await git("rev-parse", "HEAD", folder=each) for each in (made, work, copy, other)}
            assert len(heads[way]) == 1
            await git("fsck", "--strict", folder=other)
        assert heads["direct"] != heads["captured"]
        kinds = await loopback.counted(admin)
    assert (kinds["http1"], kinds["opaque"]) == (4, 2)
