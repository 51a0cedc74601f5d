"""Writing kubeconfig files: the admin's with a client certificate, a service account's with a token."""

from pathlib import Path
from typing import Any

import yaml

from tests.cluster.certificates import Pair


def write_kubeconfig(path: Path, url: str, ca_file: Path, user: dict[str, Any], namespace: str = "default") -> Path:
    """Write a kubeconfig with one context, readable by its owner only."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": url, "certificate-authority": str(ca_file)}}],
        "users": [{"name": "test", "user": user}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": namespace}}],
        "current-context": "test",
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


def with_certificate(pair: Pair) -> dict[str, Any]:
    """A user who shows a client certificate."""
    return {"client-certificate": str(pair.certificate), "client-key": str(pair.key)}


def with_token(token: str) -> dict[str, Any]:
    """A user who shows a bearer token."""
    return {"token": token}
