import os
from pathlib import Path

import pytest

from noderouter.naming.files.path_walk import walk


def walked(path: Path, root: Path) -> tuple[str, bool, list[tuple[str, str | None]]]:
    """Where `path` leads, whether anything is there, and what was armed, all relative to `root`."""
    armed: list[tuple[bytes, bytes | None]] = []
    real, status = walk(os.fsencode(path), lambda directory, name: armed.append((directory, name)))
    below = os.fsencode(root)
    return (
        os.path.relpath(os.fsdecode(real), root),
        status is not None,
        [
            (os.path.relpath(os.fsdecode(directory), root), name and os.fsdecode(name))
            for directory, name in armed
            if directory.startswith(below)
        ],
    )


def test_directories_on_the_way_are_armed_for_themselves_and_the_last_one_for_the_name(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").touch()
    armed = [(".", None), ("a", None), ("a/b", None), ("a/b", "file")]
    assert walked(tmp_path / "a" / "b" / "file", tmp_path) == ("a/b/file", True, armed)
    assert walked(tmp_path / "a" / "." / "b" / "file", tmp_path) == ("a/b/file", True, armed)


def test_what_is_missing_is_armed_where_it_would_appear(tmp_path):
    assert walked(tmp_path / "a" / "b" / "file", tmp_path) == ("a", False, [(".", None), (".", "a")])


def test_a_file_on_the_way_hides_what_would_be_below(tmp_path):
    (tmp_path / "a").touch()
    assert walked(tmp_path / "a" / "file", tmp_path) == ("a", False, [(".", None), (".", "a")])


def test_links_on_the_way_are_armed_and_followed(tmp_path):
    """What the kubelet makes of a ConfigMap."""
    (tmp_path / "..2025").mkdir()
    (tmp_path / "..2025" / "file").touch()
    (tmp_path / "..data").symlink_to("..2025")
    (tmp_path / "file").symlink_to("..data/file")
    assert walked(tmp_path / "file", tmp_path) == (
        "..2025/file",
        True,
        [(".", None), (".", "file"), (".", "..data"), ("..2025", None), ("..2025", "file")],
    )


def test_links_may_be_absolute_and_go_up(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "a" / "up").symlink_to("../file")
    (tmp_path / "a" / "absolute").symlink_to(tmp_path / "file")
    assert walked(tmp_path / "a" / "up", tmp_path)[:2] == ("file", True)
    assert walked(tmp_path / "a" / "absolute", tmp_path)[:2] == ("file", True)


def test_links_that_do_not_end_are_an_error(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="symbolic links"):
        walk(os.fsencode(tmp_path / "loop"), lambda directory, name: None)


def test_a_change_between_look_and_watch_is_noticed(tmp_path):
    """The directory becomes a link just before its watch is set."""
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "file").touch()
    armed = []

    def add_watch(directory: bytes, name: bytes | None) -> None:
        armed.append((directory, name))
        if directory.endswith(b"/old"):
            (tmp_path / "old").rmdir()
            (tmp_path / "old").symlink_to("new")

    real, status = walk(os.fsencode(tmp_path / "old" / "file"), add_watch)
    assert (real, status is not None) == (os.fsencode(tmp_path / "new" / "file"), True)
    assert (os.fsencode(tmp_path), b"old") in armed
