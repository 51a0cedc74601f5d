"""The Dockerfile, without a container engine: its own commands build a prefix here, which runs as the image would.

What is not seen: the base images, and apt. The machine's Python takes the place of the image's.
"""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import yaml

from tests.cluster.controlplane import free_ports

ROOT = Path(__file__).resolve().parents[1]
VALUES = yaml.safe_load((ROOT / "charts/noderouter/values.yaml").read_text())

PREFIX = "/opt/noderouter"
"""Where the image has what is installed."""

NOBODY = 65532
MOST_MB = 160
OFFLINE = re.compile("No matching distribution|Failed to establish a new connection|Name or service not known")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of the Dockerfile."""

    name: str
    text: str


def instructions() -> list[list[Instruction]]:
    """By stage."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    stages: list[list[Instruction]] = []
    for line in re.sub(r"\\\n", "", text).splitlines():
        name, _, rest = line.partition(" ")
        if name == "FROM":
            stages.append([])
        if name and stages:
            stages[-1].append(Instruction(name, rest.strip()))
    return stages


BUILD, FINAL = instructions()


def of(stage: list[Instruction], name: str) -> list[str]:
    return [each.text for each in stage if each.name == name]


@dataclass(frozen=True, slots=True)
class Image:
    """What the build stage makes, below another root."""

    prefix: Path
    folder: Path

    def environment(self) -> dict[str, str]:
        """What the image sets, and nothing of this process."""
        [text] = of(FINAL, "ENV")
        given = {"PATH": "/usr/bin:/bin"}
        for pair in shlex.split(text.replace("$PATH", given["PATH"])):
            key, _, value = pair.partition("=")
            given[key] = value.replace(PREFIX, str(self.prefix))
        return given

    def run(self, *args: str) -> subprocess.Popen[str]:
        """A command as the image's user, in a folder that it cannot write to."""
        return subprocess.Popen(
            args,
            cwd="/",
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **({"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}),
        )

    def output(self, *args: str) -> tuple[int, str]:
        with self.run(*args) as process:
            said, _ = process.communicate(timeout=60)
            return process.returncode, said


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """Copies what the Dockerfile copies and runs what it runs, `apt-get` apart."""
    folder = Path(tempfile.mkdtemp(prefix="image-"))
    folder.chmod(0o755)
    source, prefix, base = folder / "src", folder / "opt", folder / "base"
    source.mkdir()
    try:
        for text in of(BUILD, "COPY"):
            *names, target = text.split()
            for name in names:
                copy(ROOT / name, source / target / (name if target == "./" else ""))
        subprocess.run([sys.executable, "-m", "venv", base], check=True, timeout=120)
        for command in of(BUILD, "RUN"):
            if "apt-get" not in command:
                environment = {"PATH": f"{base}/bin:{os.environ['PATH']}", "HOME": str(folder)} | pip_settings()
                moved = command.replace(PREFIX, str(prefix))
                done = subprocess.run(["sh", "-ec", moved], cwd=source, env=environment, capture_output=True, text=True)
                if done.returncode and OFFLINE.search(done.stderr):
                    pytest.skip("no package index can be reached")
                assert done.returncode == 0, done.stdout + done.stderr
        yield Image(prefix, folder)
    finally:
        shutil.rmtree(folder)


def copy(source: Path, target: Path) -> None:
    """As `COPY` with our .dockerignore, so that nothing that was built in this checkout is taken over."""
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.so", "*.egg-info"))
    else:
        shutil.copy(source, target)


def pip_settings() -> dict[str, str]:
    """Where this machine gets packages from."""
    return {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name.endswith("_proxy")}


@pytest.mark.slow
def test_the_compiled_parser_is_in_it(image: Image):
    status, said = image.output("noderouter", "version")
    assert status == 0, said
    assert "head parser: compiled" in said


@pytest.mark.slow
def test_it_is_small_and_has_no_pip(image: Image):
    size = sum(path.lstat().st_size for path in image.prefix.rglob("*") if path.is_file())
    assert size < MOST_MB << 20
    assert not list(image.prefix.rglob("pip"))


@pytest.mark.slow
def test_what_is_left_of_the_kubernetes_package_reads_kubeconfigs(image: Image):
    program = "from kubernetes.config import load_kube_config; from kubernetes.client import Configuration"
    status, said = image.output("python", "-c", program)
    assert status == 0, said


@pytest.mark.slow
def test_it_runs_with_linkerd_s_interface_as_nobody(image: Image):
    """ENTRYPOINT and one argument, the path of a YAML; SIGTERM ends it with 0."""
    [admin] = free_ports(1)
    config = {"admin": {"port": admin}, "routers": [{"protocol": "http", "servers": [{"port": 0}]}]}
    place = image.folder / "config.yaml"
    place.write_text(yaml.safe_dump(config))
    place.chmod(0o644)
    [entry] = of(FINAL, "ENTRYPOINT")
    with image.run(*yaml.safe_load(entry), str(place)) as process:
        try:
            wait_for(f"http://127.0.0.1:{admin}/readyz", process)
            owner = Path(f"/proc/{process.pid}").stat().st_uid
            assert os.geteuid() != 0 or owner == NOBODY
            process.send_signal(signal.SIGTERM)
            said, _ = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 0, said


@pytest.mark.slow
def test_it_accepts_the_chart_s_configuration(image: Image):
    text = (ROOT / "tests/charts/noderouter/golden/default.yaml").read_text()
    maps = [o for o in yaml.safe_load_all(text) if o and o["kind"] == "ConfigMap"]
    [config] = [o["data"]["config.yaml"] for o in maps if "config.yaml" in o["data"]]
    place = image.folder / "default.yaml"
    place.write_text(config)
    place.chmod(0o644)
    status, said = image.output("noderouter", "validate", str(place))
    assert status == 0, said


def wait_for(url: str, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 30
    while True:
        try:
            with urlopen(url, timeout=5):
                return
        except URLError:
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < end
            time.sleep(0.05)


def test_the_user_is_the_chart_s_and_a_number():
    assert of(FINAL, "USER") == [f"{NOBODY}:{NOBODY}"]
    assert VALUES["podSecurityContext"]["runAsUser"] == NOBODY


def test_the_default_argument_is_where_linkerd_s_image_looks():
    assert of(FINAL, "CMD") == ['["/io.buoyant/linkerd/config/config.yaml"]']


def test_the_ports_are_the_chart_s():
    ports = VALUES["ports"]
    named = {str(ports[name]["port"]) for name in ("outgoing", "incoming", "admin", "probes")}
    assert set(of(FINAL, "EXPOSE")[0].split()) == {*named, str(VALUES["intercept"]["port"])}


def test_the_packet_filters_commands_are_in_the_image():
    """Every command that the keeper runs is of a package that the final stage installs."""
    [installed] = [text for text in of(FINAL, "RUN") if "apt-get install" in text]
    of_package = {"nft": "nftables", "ipset": "ipset", "ip": "iproute2"}
    source = "".join(path.read_text() for path in (ROOT / "noderouter/intercept").rglob("*.py"))
    commands = set(re.findall(r"(?:run|_said)\(\[?\"([a-z0-9]+)\"", source))
    assert commands == set(of_package)  # and those that xtables.py makes up, of iptables
    assert {"iptables", *of_package.values()} <= set(installed.split())


def test_everything_that_is_installed_by_apt_is_cleaned_up_after():
    for stage in (BUILD, FINAL):
        for text in of(stage, "RUN"):
            assert "apt-get install" not in text or text.rstrip().endswith("rm -rf /var/lib/apt/lists/*")


def test_what_is_copied_is_not_ignored():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[1] == "*"
    for text in of(BUILD, "COPY"):
        for name in text.split()[:-1]:
            assert f"!{name}" in ignored
            assert (ROOT / name).exists()


def test_hadolint_is_content():
    command = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if command is None:
        pytest.skip("hadolint is not installed (it comes with the extra `test` on x86-64)")
    done = subprocess.run([command, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
