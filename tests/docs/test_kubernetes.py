"""docs/kubernetes.md, from the first command to the last, on real nodes; on played ones where containers cannot run."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.any_cluster import AnyCluster, until
from tests.cluster.controlplane import CommandFailed
from tests.docs.guide import ROOT, Reader, sections

PAGE = (ROOT / "docs/kubernetes.md").read_text()

TENTH = r"^ +(?:[2-9]|1\d|2\d) canary\n +\d\d hello$"
"""Between 2 and 29 of a hundred: outside of that once in 3,000 runs."""

SHOWS = {
    "helm -n noderouter test": r"Phase: +Succeeded",
    "curl -sS -i http://hello": r"via: 1\.1 linkerd, 1\.1 linkerd\r?\n(?:.*\n)*hello from hello-",
    "get configmap noderouter-dtab -o yaml": r"^  dtab: \|",
    "curl -sS -H": r"^canary from hello-canary-",
    "curl -sS http://hello": r"^(?:hello|canary) from hello-",
    "get events": r"line \d+|dtab",
    "port-forward": r"^Forwarding from 127\.0\.0\.1:9990",
    "delegator.json": r"/svc/hello",
    "client_state.json": r"^\{",
    "metrics.json": r"^\{",
    "readyz": r"dtab",
}
COUNTS = {"A canary: one request in ten": TENTH, "All": r"^ +100 canary$"}


def expected(title: str, command: str) -> str:
    """What a command must show: a regular expression."""
    if "uniq -c" in command:
        return COUNTS[title]
    return next((pattern for part, pattern in SHOWS.items() if part in command), "")


@pytest.fixture
def nodes(request: pytest.FixtureRequest) -> AnyCluster:
    """The best there is."""
    try:
        found: AnyCluster = request.getfixturevalue("real_cluster")
    except pytest.skip.Exception:
        found = request.getfixturevalue("cluster")
    return found


@pytest.fixture
def reader(nodes: AnyCluster, tmp_path: Path) -> Iterator[Reader]:
    """Leaves nothing behind, wherever the page breaks off."""
    reader = Reader(nodes, tmp_path)
    yield reader
    reader.close()
    plane = nodes.control_plane
    made = ["deployment/hello", "deployment/hello-canary", "service/hello", "service/hello-canary"]
    plane.kubectl("delete", *made, "pod/client", "configmap/server", "--ignore-not-found", "--wait=false")
    plane.helm("uninstall", "noderouter", "-n", "noderouter", "--wait", "--ignore-not-found")
    plane.kubectl("delete", "namespace", "noderouter", "--ignore-not-found")


@pytest.mark.root
def test_every_command_of_the_page_does_what_it_says(reader: Reader):
    """A command is repeated until it shows what the page says, as a reader would who is too quick."""
    for section in sections(PAGE):
        if section.title == "Look inside" and not reader.has_kubelet:
            continue
        reader.save(section)
        for step in section.steps:
            command = shlex.join(step.argv)
            pattern = re.compile(expected(section.title, command), re.MULTILINE)
            shown: list[str] = []

            def shows() -> bool:
                shown.append(reader.run(step))
                return pattern.search(shown[-1]) is not None

            try:
                until(shows, 20)
            except (CommandFailed, TimeoutError) as error:
                raise AssertionError(f"{section.title}: {command}: {error}\n{''.join(shown[-1:])}") from error


def test_what_is_not_run_says_why():
    """And all other blocks of commands are run by the test above."""
    reasons = re.findall(r"^<!-- not run: (.*) -->\n```sh$", PAGE, re.MULTILINE)
    assert reasons == ["needs a container engine"]
    assert {section.title for section in sections(PAGE)} >= {
        "Install",
        "A request",
        *COUNTS,
        "Look inside",
        "Take it away",
    }
