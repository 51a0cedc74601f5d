"""Who we are to the API. Certificates and RBAC are tested against a real one, in `contract`."""

import json
import stat
import sys

import pytest
from cryptography.hazmat.primitives import serialization

from noderouter.kubernetes.access import InCluster, Kubeconfig, Plain
from noderouter.kubernetes.credentials import credentials
from noderouter.kubernetes.errors import ApiError
from tests.testing.tls import leaf, write_files


async def test_a_proxy_needs_none():
    made = credentials(Plain("localhost", 8001))
    assert (await made.endpoint()).url == "http://localhost:8001"
    assert (await made.endpoint()).tls is None
    assert await made.headers() == {}


@pytest.mark.parametrize(("files", "words"), [
    ({"trust": "{}/none"}, "the CA cannot be used: .*none"),
    ({"shown": "{}/none"}, "the certificate cannot be used: .*none"),
    ({"shown": "{}/tls.crt", "key": "{}/locked"}, "the certificate cannot be used: .*tls.crt"),
])  # fmt: skip
async def test_files_that_cannot_be_used_are_named(tmp_path, files, words):
    """A key that wants a passphrase is one: nobody is asked for it."""
    chain, key = write_files(tmp_path, leaf())
    read = serialization.load_pem_private_key(key.read_bytes(), None)
    lock = serialization.BestAvailableEncryption(b"secret")
    form = serialization.PrivateFormat.TraditionalOpenSSL
    (tmp_path / "locked").write_bytes(read.private_bytes(serialization.Encoding.PEM, form, lock))
    places = {name: path.format(tmp_path) for name, path in files.items()}
    with pytest.raises(ApiError, match=words):
        await credentials(Plain("localhost", 1, tls=True, **places)).endpoint()
    assert (await credentials(Plain("localhost", 1, tls=True, shown=str(chain), key=str(key))).endpoint()).tls


async def test_the_token_of_an_account_is_read_again(tmp_path, monkeypatch):
    token = tmp_path / "token"
    token.write_text("one\n")
    made = credentials(InCluster("10.96.0.1", 443, str(tmp_path)))
    assert await made.headers() == {"authorization": "Bearer one"}
    token.write_text("two\n")
    assert await made.headers() == {"authorization": "Bearer one"}
    assert await made.headers(anew=True) == {"authorization": "Bearer two"}
    token.write_text("three\n")
    monkeypatch.setattr("noderouter.kubernetes.credentials.TOKEN_SECONDS", 0.0)
    assert await made.headers() == {"authorization": "Bearer three"}
    token.unlink()
    assert await made.headers() == {"authorization": "Bearer three"}  # it may be in the middle of being replaced


@pytest.mark.parametrize("content", [None, b"", b"\xff"])
async def test_an_account_without_a_token(tmp_path, content):
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    made = credentials(InCluster("10.96.0.1", 443, str(tmp_path)))
    with pytest.raises(ApiError, match="the token of the service account"):
        await made.headers()
    with pytest.raises(ApiError, match="the CA of the service account"):
        await made.endpoint()


def kubeconfig(tmp_path, user, **cluster):
    made = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:8001"} | cluster}],
        "users": [{"name": "u", "user": user}],
    }
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(made))
    return credentials(Kubeconfig(str(file)))


async def test_a_kubeconfig_with_a_token(tmp_path):
    made = kubeconfig(tmp_path, {"token": "secret"})
    assert (await made.endpoint()).url == "http://127.0.0.1:8001"
    assert await made.headers() == {"authorization": "Bearer secret"}


async def test_a_kubeconfig_with_a_name_and_a_password(tmp_path):
    made = kubeconfig(tmp_path, {"username": "me", "password": "secret"})
    await made.endpoint()
    assert (await made.headers())["authorization"].startswith("Basic ")


async def test_a_kubeconfig_with_a_plugin(tmp_path):
    """The plugin is asked again after a 401."""
    count = tmp_path / "count"
    count.write_text("")
    plugin = tmp_path / "plugin"
    plugin.write_text(
        f"#!{sys.executable}\n"
        "import json, pathlib\n"
        f"file = pathlib.Path({str(count)!r})\n"
        "file.write_text(file.read_text() + 'x')\n"
        "made = {'apiVersion': 'client.authentication.k8s.io/v1', 'kind': 'ExecCredential'}\n"
        "made['status'] = {'token': f'token-{len(file.read_text())}'}\n"
        "print(json.dumps(made))\n"
    )
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    api = "client.authentication.k8s.io/v1"
    made = kubeconfig(tmp_path, {"exec": {"apiVersion": api, "command": str(plugin), "interactiveMode": "Never"}})
    await made.endpoint()
    first = (await made.headers())["authorization"]
    again = (await made.headers(anew=True))["authorization"]
    assert first.startswith("Bearer token-")
    assert again.startswith("Bearer token-")
    assert again != first


async def test_a_kubeconfig_that_is_none(tmp_path):
    with pytest.raises(ApiError, match="cannot be used"):
        await credentials(Kubeconfig(str(tmp_path / "nothing"))).endpoint()
    made = kubeconfig(tmp_path, {"token": "x"})
    made._access = Kubeconfig(made._access.path, "elsewhere")
    with pytest.raises(ApiError, match="context elsewhere cannot be used"):
        await made.endpoint()


async def test_certificates_that_are_none(tmp_path):
    made = kubeconfig(tmp_path, {"token": "x"}, server="https://127.0.0.1:1", **{"certificate-authority-data": "eA=="})
    with pytest.raises(ApiError, match="certificates cannot be used"):
        await made.endpoint()
