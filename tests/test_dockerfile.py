"""The Dockerfile as it is written; what it makes is tested in tests/image, where an image can be built."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
VALUES = yaml.safe_load((ROOT / "charts/noderouter/values.yaml").read_text())

NOBODY = 65532


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
    source = "".join(path.read_text() for path in (ROOT / "noderouter/interception/keeper").rglob("*.py"))
    commands = set(re.findall(r"(?:run|_said)\(\[?\"([a-z0-9]+)\"", source))
    assert commands == set(of_package)  # and those that xtables.py makes up, of iptables
    assert {"iptables", *of_package.values()} <= set(installed.split())


def test_everything_that_is_installed_by_apt_is_cleaned_up_after():
    for stage in (BUILD, FINAL):
        for text in of(stage, "RUN"):
            assert "apt-get install" not in text or "&& rm -rf /var/lib/apt/lists/*" in text


def test_what_is_copied_is_not_ignored():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[1] == "*"
    for text in of(BUILD, "COPY"):
        for name in text.split()[:-1]:
            assert f"!{name}" in ignored
            assert (ROOT / name).exists()


def test_both_stages_are_of_the_base_that_an_argument_names():
    assert [of(stage, "FROM") for stage in (BUILD, FINAL)] == [["${BASE} AS build"], ["${BASE}"]]


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-build.lock"])
def test_the_locks_pin_what_is_required(lock: str):
    """Otherwise: `make lock`."""
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg")
    required = {
        "requirements.lock": [
            *parser["options"]["install_requires"].split("\n"),
            *parser["options.extras_require"]["tracing"].split("\n"),
            *parser["options.extras_require"]["tokens"].split("\n"),
        ],
        "requirements-build.lock": tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"],
    }[lock]
    text = (ROOT / lock).read_text()
    pinned = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))
    for each in (Requirement(line) for line in required if line.strip()):
        assert pinned[each.name] in each.specifier, each
    for block in re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in block, block


def test_hadolint_is_content():
    command = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if command is None:
        pytest.skip("hadolint is not installed (it comes with the extra `test` on x86-64)")
    done = subprocess.run([command, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
