"""The worked examples of docs/tls.md: run as they stand there, but for places and ports."""

import re
import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import yaml

from noderouter.tls.config import ServerTls
from tests.testing.backend import backend
from tests.testing.loop import until
from tests.testing.origin import Peer
from tests.testing.router import ON_LOOPBACK, fs, routing
from tests.testing.tls import leaf, server_context, tls_origin, write_authority, write_files

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "tls.md").read_text()
SERVER, CLIENTS = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
TEST = {"admin": {"port": 0, "shutdownGraceMs": 0}}


async def says_hello(peer: Peer) -> None:
    """Answer every request."""
    while await peer.more():
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")


def made(text: str, folder: Path) -> Any:
    """A configuration of the page, with its files in a folder."""
    return yaml.safe_load(text.replace("/tls/", f"{folder}/").replace("/disco", str(folder))) | TEST


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl: apt-get install curl")
async def test_a_server_and_the_curl_that_asks_it(tmp_path: Path) -> None:
    name, authority = "web.example.com", write_authority(tmp_path)
    write_files(tmp_path, leaf(name))
    (command,) = re.findall(r"^    curl --cacert .*$", PAGE, re.MULTILINE)
    async with backend() as service, routing(made(SERVER.replace("8443", "0"), tmp_path)) as router:
        (tmp_path / f"{name}:{router.port}").write_text(f"127.0.0.1 {service.port}\n")
        words = command.replace("/tls/ca.crt", str(authority)).replace("8443", str(router.port)).split()
        ask = partial(subprocess.run, capture_output=True, text=True, check=False, timeout=60)
        where = ["-sS", "--write-out", " %{http_version}", "--resolve", f"{name}:{router.port}:127.0.0.1"]
        done = await trio.to_thread.run_sync(ask, [*words, *where])
        assert (done.returncode, done.stdout) == (0, "hello 2"), done.stderr


async def test_clients_and_whom_they_believe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One trusts the system's authorities, and goes by the host; one a bundle, and shows a certificate."""
    authority = write_authority(tmp_path)
    write_files(tmp_path, leaf("router.example.com"), "router")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))  # the system's
    bank = server_context(cert=leaf("bank.example.com"), verify=True)
    async with (
        tls_origin(says_hello, server_context("localhost")) as there,
        tls_origin(says_hello, bank) as service,
    ):
        (tmp_path / "bank").write_text(f"127.0.0.1 {service.port}\n")
        configuration = made(CLIENTS.replace("4140", "0").replace("443", str(there.port)), tmp_path)
        (router_,) = configuration["routers"]
        router_ |= ON_LOOPBACK | {"label": "out"}
        router_["dtab"] += ";\n/svc/bank => /#/io.l5d.fs/bank"
        configuration["namers"] = [fs(tmp_path)]
        async with routing(configuration) as router:
            for host in (f"localhost:{there.port}", "bank"):
                answer = await router.ask(host)
                assert (answer.status, answer.text) == (200, "hello"), answer["l5d-err"]
            await until(lambda: len(service.peers) == 1)
            answer = await router.ask(f"127.0.0.1:{there.port}")
            assert answer.status == 502
            assert "certificate" in str(answer["l5d-err"])


def test_the_objects_of_cert_manager_are_those_of_the_charts_example() -> None:
    (block,) = re.findall(r"^    tls:\n      secrets: (?:.*\n)(?:    .*\n)+", PAGE, re.MULTILINE)
    shown = yaml.safe_load(block)
    whole = yaml.safe_load((ROOT / "charts" / "noderouter" / "ci" / "tls-values.yaml").read_text())
    assert set(shown["tls"]["secrets"]) <= set(whole["tls"]["secrets"])
    for each in shown["extraObjects"]:
        assert each in whole["extraObjects"]


def test_every_key_of_a_server_is_on_the_page_of_the_configuration() -> None:
    reference = (ROOT / "docs" / "configuration.md").read_text().partition("\n## `tls`")[2].partition("\n## ")[0]
    for key in ServerTls.model_fields:
        assert f"`{key}`" in reference, key
