"""From bytes to a tree: files that cannot be read, and what decides between YAML and JSON."""

import os
from io import BytesIO
from pathlib import Path

import pytest

from noderouter.schema.load import parse, read, show_name
from noderouter.schema.problem import ConfigError
from noderouter.schema.source import Source


def unreadable(path: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(path)
    return str(caught.value)


def test_reads_files_and_standard_input(tmp_path: Path) -> None:
    path = tmp_path / "c.yml"
    path.write_bytes(b"\xef\xbb\xbfa: \xc3\xbc")
    assert read(str(path)) == Source(str(path), "a: ü")
    assert read("-", BytesIO(b"a: 1")) == Source("<stdin>", "a: 1")
    assert show_name("-") == "<stdin>"


def test_what_cannot_be_read(tmp_path: Path) -> None:
    missing = str(tmp_path / "no.yml")
    assert unreadable(missing) == f"{missing}: cannot be read: no such file"
    assert unreadable(str(tmp_path)) == f"{tmp_path}: cannot be read: a directory; name a file"
    assert unreadable("a\0b").startswith("a\0b: cannot be read: ")
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert unreadable(str(loop)).startswith(f"{loop}: cannot be read: Too many levels")


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.yml"
    path.write_text("a: 1")
    path.chmod(0)
    if os.geteuid() == 0:  # root may read it all the same

        def deny(self: Path, mode: str) -> None:
            raise PermissionError(13, "Permission denied", str(self))

        monkeypatch.setattr(Path, "open", deny)
    assert unreadable(str(path)) == f"{path}: cannot be read: no permission to read it"


def test_size_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "c.yml"
    path.write_bytes(b"#" * (1 << 20))
    assert len(read(str(path)).text) == 1 << 20
    path.write_bytes(b"#" * ((1 << 20) + 1))
    assert unreadable(str(path)) == f"{path}: larger than 1 MB"


def test_invalid_utf8_has_a_place(tmp_path: Path) -> None:
    path = tmp_path / "c.yml"
    path.write_bytes(b"a: 1\nb: \xff\n")
    assert unreadable(str(path)) == f"{path}:2:4: not UTF-8: byte 0xff; save the file as UTF-8"


@pytest.mark.parametrize(
    ("text", "root"),
    [("a: 1", {"a": 1}), (' \n {"a": 1}', {"a": 1}), ('{"a": "\\/"}', {"a": "/"}), ("'a': {b: 1}", {"a": {"b": 1}})],
)
def test_content_decides(text: str, root: object) -> None:
    assert parse(Source("f", text)) == root


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f:1:1: the file is empty; at least `routers` is needed"),
        (" \n\t\n", "f:1:1: the file is empty; at least `routers` is needed"),
        ("# nothing\n", "f:1:1: the file holds nothing but comments; at least `routers` is needed"),
        ("---\n", "f:1:1: the file holds nothing but comments; at least `routers` is needed"),
        ("- a\n", "f:1:1: a configuration is keys and values, beginning with `routers:`"),
        ("hello", "f:1:1: a configuration is keys and values, beginning with `routers:`"),
        ("{a: 1}", "f:1:2: not JSON: a key in double quotes expected"),
        ("a: [", "f:1:5: not YAML: did not find expected node content"),
    ],
)
def test_no_tree(text: str, message: str) -> None:
    source = Source("f", text)
    assert parse(source) is None
    assert [problem.show("f") for problem in source.problems] == [message]
