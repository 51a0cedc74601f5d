"""Builds the extension modules: the head parser, and the data path through mypyc (docs/adr/0016).

A command class for setuptools, named in pyproject.toml; nothing of it runs in a router. All of the data path is
compiled or none of it: without mypy, or where the compiler fails, the sources run as they are.
"""

import contextlib
import os
import runpy
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final, cast

from setuptools import Extension
from setuptools.command.build_ext import build_ext

GROUP = "noderouter"
"""Its modules share one library, `noderouter__mypyc`."""
LEFT_OUT: Final = [
    f"-fno-{each}"
    for each in (
        *("schedule-insns2", "tree-pre", "gcse", "code-hoisting", "ipa-cp", "ipa-icf", "ipa-ra", "tree-vrp"),
        *("tree-dominator-opts", "tree-slp-vectorize", "tree-vectorize", "tree-tail-merge", "crossjumping"),
    )
]
"""Passes of gcc's -O2 that make nothing of what mypyc writes: a request takes no more instructions without them
(`benchmarks.instructions`), and the compiler a third less time."""


class BuildExt(build_ext):
    """`build_ext`, with the modules of `_compiled.MODULES` added."""

    def finalize_options(self) -> None:
        """Add them before setuptools looks at what there is to build."""
        self.data_path = data_path()
        self.distribution.ext_modules = [*(self.distribution.ext_modules or ()), *self.data_path]
        super().finalize_options()

    def run(self) -> None:
        """Build; take away what there is of the data path when it is not all there."""
        super().run()
        built = [Path(self.build_lib, self.filename_of(extension)) for extension in self.data_path]
        missing = [path.name for path in built if not path.exists()]
        if missing:
            self.warn(f"the data path stays pure Python: {missing[0]} was not built")
            for extension, path in zip(self.data_path, built, strict=True):
                path.unlink(missing_ok=True)
                if self.inplace:
                    Path(self.filename_of(extension)).unlink(missing_ok=True)

    def build_extensions(self) -> None:
        """Build, by what the compiler is."""
        if is_gcc(self.compiler.compiler):
            for extension in self.data_path:
                extension.extra_compile_args = [*extension.extra_compile_args, *LEFT_OUT]
        super().build_extensions()

    def filename_of(self, extension: Extension) -> str:
        """Where an extension goes, below the folder of the build or, in an editable install, of the sources."""
        name: str = self.get_ext_filename(self.get_ext_fullname(extension.name))  # type: ignore[no-untyped-call]
        return name


def is_gcc(command: Sequence[str]) -> bool:
    """Whether a command is gcc, whatever it is called: others refuse flags that they do not know."""
    try:
        said = subprocess.run([command[0], "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return False
    return "Free Software Foundation" in said


@cache
def data_path() -> list[Extension]:
    """The extensions that mypyc makes of the data path; empty where they cannot be made."""
    if os.environ.get("NODEROUTER_PURE", "0") not in ("", "0"):
        return []
    try:
        from mypyc.build import mypycify
    except ImportError:
        return []
    modules: tuple[str, ...] = runpy.run_path(str(Path(__file__).with_name("_compiled.py")))["MODULES"]
    sources = [name.replace(".", os.sep) + ".py" for name in modules]
    options = ["--config-file=", "--ignore-missing-imports", "--follow-imports=silent"]
    with contextlib.suppress(SystemExit):  # how mypyc says that it found errors, which it has printed
        extensions = mypycify([*options, *sources], opt_level="2", group_name=GROUP)
        for extension in extensions:
            extension.optional = True
            # Python's own flags ask for all warnings, which triples the time that gcc 14 takes for what mypyc writes.
            extension.extra_compile_args = [*extension.extra_compile_args, "-Wno-all", "-Wno-error", "-g0"]
        return cast(list[Extension], extensions)
    return []
