"""The commands of a cluster, of collectors and of peers: where they are, and how `make cluster-tools` builds them.

They are Go programs pinned by `tools/go.mod`, and by one below it for each of the others, and built once into a cache
outside the tree, in a folder named by the hash of what pins them: another release of Kubernetes is another folder,
and a command that is there is complete. Looked for in this order: `KUBEBUILDER_ASSETS` (what envtest downloads; has
no controller manager), the cache, and for etcd `PATH`, since distributions have that one.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

TOOLS = Path(__file__).parent / "tools"

PACKAGES = {
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
    "helm": "helm.sh/helm/v3/cmd/helm",
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
    "kube-proxy": "k8s.io/kubernetes/cmd/kube-proxy",
    "kubelet": "k8s.io/kubernetes/cmd/kubelet",
}
"""Each command and the Go package that it is built from."""

APART = {
    "jaeger": ("jaeger", "github.com/jaegertracing/jaeger/cmd/all-in-one"),
    "otelcol": ("collector", "."),
    "h2spec": ("h2spec", "github.com/summerwind/h2spec/cmd/h2spec"),
    "interop-client": ("grpc", "google.golang.org/grpc/interop/client"),
    "interop-server": ("grpc", "google.golang.org/grpc/interop/server"),
    "grpcurl": ("grpc", "github.com/fullstorydev/grpcurl/cmd/grpcurl"),
    "ghz": ("ghz", "github.com/bojand/ghz/cmd/ghz"),
}
"""Each collector of traces and each peer of HTTP/2: the folder below `tools` that pins it, and its package there."""

MODULES = "grpc-js"
"""The folder below `tools` that pins modules of Node.js: gRPC in JavaScript. Its cache has them in `node_modules`."""


GO_SERVER = {"GOGC": "400"}
"""The environment of those that go on: memory is cheap here, and their garbage collectors take CPU from the tests."""
GO_COMMAND = {"GOGC": "off"}
"""That of those that are over in a moment."""


class MissingCommand(Exception):
    """A command is neither built nor found; says how to get it."""


def cache(apart: str | None = None) -> Path:
    """The folder that this checkout's commands are built into; each pinned apart has another."""
    chosen = os.environ.get("NODEROUTER_CLUSTER_TOOLS")
    if chosen:
        return Path(chosen)
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = hashlib.sha256()
    if apart == MODULES:
        pins = [TOOLS / MODULES / "package-lock.json"]
    else:
        folder = TOOLS if apart is None else TOOLS / APART[apart][0]
        pins = [folder / "go.mod", folder / "go.sum", *sorted(folder.glob("*.go"))]
    for path in pins:
        digest.update(path.read_bytes())
    return home / "noderouter" / "cluster-tools" / digest.hexdigest()[:16]


def find(name: str) -> Path:
    """The path of a command.

    Raises:
        MissingCommand: nowhere to be found.
    """
    folders = [Path(assets)] if (assets := os.environ.get("KUBEBUILDER_ASSETS")) else []
    for folder in [*folders, cache(name if name in APART else None)]:
        if os.access(folder / name, os.X_OK):
            return folder / name
    if name == "etcd" and (found := shutil.which(name)):
        return Path(found)
    raise MissingCommand(f"{name} is not built: run `make cluster-tools` (needs Go), or set KUBEBUILDER_ASSETS")


def find_modules() -> Path:
    """The folder of modules for Node.js, for `NODE_PATH`.

    Raises:
        MissingCommand: there are none, or no Node.js.
    """
    found = cache(MODULES) / "node_modules"
    if shutil.which("node") is None or not found.is_dir():
        raise MissingCommand("modules for Node.js are not installed: run `make cluster-tools` (needs node and npm)")
    return found


def pinned(module: str) -> str:
    """The version of a module in go.mod, such as `v1.36.3`."""
    found = re.search(rf"^\t{re.escape(module)} (v\S+)", (TOOLS / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise MissingCommand(f"{TOOLS / 'go.mod'} requires no {module}")
    return found[1]


def linker_flags() -> str:
    """No symbols, and the versions that release builds have: without, the API server refuses to emulate itself."""
    version = pinned("k8s.io/kubernetes")
    major, minor, _ = version.removeprefix("v").split(".", 2)
    settings = {"helm.sh/helm/v3/internal/version.version": pinned("helm.sh/helm/v3")}
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"):
        settings |= {f"{package}.gitVersion": version, f"{package}.gitMajor": major, f"{package}.gitMinor": minor}
        settings |= {f"{package}.gitTreeState": "clean"}
    return " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in settings.items())])


def build(folder: Path) -> None:
    """Build what of a cluster is missing in `folder`."""
    _build(folder, TOOLS, PACKAGES, linker_flags())


def build_apart(name: str, folder: Path) -> None:
    """Build one of `APART` into `folder`, unless it is there."""
    pins, package = APART[name]
    _build(folder, TOOLS / pins, {name: package}, "-s -w")


def install_modules(folder: Path) -> None:
    """Install the modules for Node.js into `folder`, unless they are there; none of their own programs runs."""
    if (folder / "node_modules").is_dir():
        return
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(TOOLS / MODULES / name, place)
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=place, check=True)
        folder.mkdir(exist_ok=True)
        Path(place, "node_modules").rename(folder / "node_modules")


def _build(folder: Path, tools: Path, packages: Mapping[str, str], flags: str) -> None:
    """Build what is missing in `folder`; one at a time, also between processes."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name, package in packages.items():
            if os.access(folder / name, os.X_OK):
                continue
            print(f"building {name} {package}", flush=True)
            unfinished = folder / f".{name}"
            argv: list[str | Path] = [
                "go",
                "build",
                "-mod=readonly",
                "-trimpath",
                "-ldflags",
                flags,
                "-o",
                unfinished,
                package,
            ]
            subprocess.run(argv, cwd=tools, env={**os.environ, "CGO_ENABLED": "0"}, check=True)
            unfinished.rename(folder / name)
    print(folder)


def main() -> int:
    """Build; a machine without Go is told what that means."""
    if shutil.which("go") is None:
        print("no Go on PATH: the cluster's commands are not built, and the tests that need them will be skipped")
        return 1
    try:
        build(cache())
        for name in APART:
            build_apart(name, cache(name))
        if shutil.which("npm") is not None:
            install_modules(cache(MODULES))
    except subprocess.CalledProcessError as error:
        print(f"{error.cmd[0]} failed with status {error.returncode}; its own message is above", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
