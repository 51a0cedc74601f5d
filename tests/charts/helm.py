"""The real helm, without a cluster: templates to text and to objects, lint, and what it refuses."""

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

import yaml

from tests.cluster import binaries

CHART = Path(__file__).resolve().parents[2] / "charts" / "noderouter"

KUBERNETES = "1.36.3"
"""What templates are rendered for where a test does not say otherwise, whatever helm was built with."""

Object = dict[str, Any]


class HelmError(Exception):
    """helm ended with an error; its text is what helm said."""


@dataclass(frozen=True, slots=True)
class Helm:
    """Runs helm with a home of its own, so that no setting of the user counts."""

    command: Path

    @classmethod
    def found(cls) -> Self:
        """Raises MissingCommand."""
        return cls(binaries.find("helm"))

    def run(self, *args: str | Path) -> str:
        """Standard output.

        Raises:
            HelmError: another status than 0.
        """
        with tempfile.TemporaryDirectory() as home:
            env = {"PATH": os.environ["PATH"], "HOME": home, "KUBECONFIG": f"{home}/none", **binaries.GO_COMMAND}
            done = subprocess.run(
                [self.command, *args], capture_output=True, text=True, check=False, env=env, timeout=180
            )
        if done.returncode:
            raise HelmError(done.stderr + done.stdout)
        return done.stdout

    def template(self, values: Path | Object | None = None, *args: str, kubernetes: str = KUBERNETES) -> str:
        """The manifests of release `noderouter` in namespace `noderouter`.

        Args:
            values: a file, or the values themselves.
            args: more arguments.
            kubernetes: the version to render for.
        """
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            if not isinstance(values, Path):
                json.dump(values or {}, file)
                file.flush()
                values = Path(file.name)
            fixed = ["--namespace", "noderouter", "--kube-version", kubernetes, "--values", values]
            return self.run("template", "noderouter", CHART, *fixed, *args)

    def objects(self, values: Path | Object | None = None, *args: str, kubernetes: str = KUBERNETES) -> list[Object]:
        """The same as objects."""
        return parsed(self.template(values, *args, kubernetes=kubernetes))


def parsed(text: str) -> list[Object]:
    """The objects of a stream of YAML."""
    return [document for document in yaml.load_all(text, yaml.CSafeLoader) if document]


def staying(objects: list[Object]) -> list[Object]:
    """Without those of hooks, which come and go by themselves."""
    return [o for o in objects if "helm.sh/hook" not in o["metadata"].get("annotations", {})]


def one(objects: list[Object], kind: str, name: str | None = None) -> Object:
    """The object of that kind, and that name; there must be one."""
    found = [o for o in objects if o["kind"] == kind and (name is None or o["metadata"]["name"] == name)]
    assert len(found) == 1, f"{kind} {name}: {[o['metadata']['name'] for o in found]}"
    return found[0]


def router_config(objects: list[Object]) -> str:
    """The text of the router's configuration."""
    [text] = [
        o["data"]["config.yaml"] for o in objects if o["kind"] == "ConfigMap" and "config.yaml" in o.get("data", {})
    ]
    return str(text)


def router_keys(objects: list[Object]) -> Any:
    """The router's configuration."""
    return yaml.load(router_config(objects), yaml.CSafeLoader)


@cache
def ci_values() -> dict[str, Path]:
    """Every `ci/*-values.yaml`, by its name."""
    return {path.name.removesuffix("-values.yaml"): path for path in sorted((CHART / "ci").glob("*-values.yaml"))}
