"""A kubeconfig of a fake API, for commands that take nothing else."""

import json
from pathlib import Path


def write_kubeconfig(file: Path, port: int) -> str:
    """Write it; its path."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "fake", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "nobody", "user": {}}],
        "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "nobody"}}],
        "current-context": "fake",
    }
    file.write_text(json.dumps(document))
    return str(file)
