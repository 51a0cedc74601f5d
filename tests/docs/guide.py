"""A page of the documentation as commands: read from its source, and run on the nodes of a cluster.

In the source, a comment before a block of code says what it is: `file: NAME`, what the reader saves under that name;
`edit`, the line that the reader types into the editor of the command before; `not run: WHY`. Blocks of `sh` are
commands, all others are for the eyes.
"""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.any_cluster import AnyCluster
from tests.cluster.real.cluster import RealCluster

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"(?:^<!-- (?P<note>.*) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)

EDITOR = """#!{python}
# Does what the page says: puts the line at the end of the table, in the place of the one it has put there before.
import sys
lines = open(sys.argv[1]).read().splitlines()
[start] = [number for number, line in enumerate(lines) if line.startswith("  dtab: |")]
rest = range(start + 1, len(lines))
end = next(number for number in rest if lines[number] and not lines[number].startswith("    "))
table = [line for line in lines[start + 1 : end] if not line.startswith("    /service/default/hello ")]
lines[start + 1 : end] = [*table, "    " + {line!r}]
open(sys.argv[1], "w").write("\\n".join(lines) + "\\n")
"""


@dataclass(frozen=True, slots=True)
class Step:
    """A command, and what the reader types if it opens an editor."""

    argv: tuple[str, ...]
    typed: str


@dataclass(frozen=True, slots=True)
class Section:
    """The commands and files of a section, in their order."""

    title: str
    steps: tuple[Step, ...]
    files: dict[str, str]


def sections(page: str) -> Iterator[Section]:
    """Those that have commands to run."""
    for part in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        title, _, text = part.partition("\n")
        blocks = [(m["note"] or "", m["language"], m["text"]) for m in BLOCK.finditer(text)]
        typed = iter([content.strip() for note, _, content in blocks if note == "edit"])
        runs = [content for note, language, content in blocks if language == "sh" and not note.startswith("not run")]
        argvs = [tuple(shlex.split(line)) for content in runs for line in content.splitlines()]
        steps = tuple(Step(argv, next(typed) if "edit" in argv else "") for argv in argvs)
        assert next(typed, None) is None, f"{title}: a line is typed into no editor"
        files = {note.removeprefix("file: "): content for note, _, content in blocks if note.startswith("file: ")}
        if steps:
            yield Section(title, steps, files)


class Reader:
    """Somebody who does what the page says."""

    def __init__(self, cluster: AnyCluster, folder: Path) -> None:
        self._cluster = cluster
        self._folder = folder
        self._forwards: list[subprocess.Popen[str]] = []

    @property
    def has_kubelet(self) -> bool:
        """Whether kubectl can ask a kubelet, as `exec` and `port-forward` do."""
        return isinstance(self._cluster, RealCluster)

    def close(self) -> None:
        """End what goes on in other windows."""
        for forward in self._forwards:
            with forward:
                forward.terminate()
        self._forwards.clear()

    def save(self, section: Section) -> None:
        """Write the files of a section."""
        for name, content in section.files.items():
            (self._folder / name).write_text(content)

    def run(self, step: Step) -> str:
        """Run one command and answer what it shows.

        Raises:
            CommandFailed: another status than 0.
        """
        match step.argv:
            case ("kubectl", "exec", pod, "--", *argv) if not self.has_kubelet:
                return self._cluster.exec("default", pod, *argv)
            case ("kubectl", *argv) if "port-forward" in argv:
                return self._forward(argv)
            case ("kubectl", *argv) if step.typed:
                return self._cluster.control_plane.kubectl(*argv, env={"KUBE_EDITOR": str(self._editor(step.typed))})
            case ("kubectl", *argv):
                return self._cluster.control_plane.kubectl(*map(self._place, argv))
            case ("helm", *argv):
                return self._cluster.control_plane.helm(*map(self._place, argv))
            case ("curl", *_):
                return self._cluster.run(*step.argv)
        raise ValueError(f"this test does not know how to run {shlex.join(step.argv)}")

    def _forward(self, argv: list[str]) -> str:
        """In a window of its own; answers what is shown first."""
        self.close()
        forward = self._cluster.control_plane.popen(*argv)
        self._forwards.append(forward)
        assert forward.stdout is not None
        return forward.stdout.readline()

    def _place(self, argument: str) -> str:
        """The reader is in a clone, and has saved files there."""
        if argument.startswith("charts/"):
            return str(ROOT / argument)
        saved = self._folder / argument
        return str(saved) if saved.is_file() else argument

    def _editor(self, line: str) -> Path:
        script = self._folder / "editor"
        script.write_text(EDITOR.format(python=sys.executable, line=line))
        script.chmod(0o755)
        return script
