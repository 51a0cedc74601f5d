import pytest

from noderouter.commands.dtab_check.source import Source, SourceError, from_file, read_config_map
from noderouter.naming.stored.key import Key


def held(**data):
    return {"metadata": {"name": "routes"}, "data": data}


@pytest.mark.parametrize(
    ("filename", "data", "name", "entries"),
    [
        ("dtab", {"dtab": "/a => /b"}, "mesh/routes:dtab", 1),
        ("", {"other": "/a => /b"}, "mesh/routes:other", 1),
        ("", {"dtab": "/a => /b", "more": "x"}, "mesh/routes:dtab", 1),
        ("dtab", {"other": "x"}, "mesh/routes:dtab (which has no such key)", 0),
    ],
)
def test_which_key_is_meant(filename, data, name, entries):
    _, source = read_config_map(Key("mesh", "routes", filename), held(**data))
    assert (source.name, len(source.read)) == (name, entries)
    assert source.summary["dentries"] == entries


@pytest.mark.parametrize("data", [{}, {"a": "", "b": ""}])
def test_it_is_not_clear_which(data):
    with pytest.raises(SourceError, match="say which key is meant, as in mesh/routes:dtab"):
        read_config_map(Key("mesh", "routes", ""), held(**data))


def test_bytes_are_no_dtab():
    with pytest.raises(SourceError, match="not UTF-8"):
        read_config_map(Key("mesh", "routes", "dtab"), {"metadata": {}, "binaryData": {"dtab": "/w=="}})


def test_a_file(tmp_path):
    (tmp_path / "dtab").write_text("/a -> /b")
    source = from_file(str(tmp_path / "dtab"))
    assert source.summary["error"].startswith("line 1, column 4: ")
    with pytest.raises(SourceError, match="No such file"):
        from_file(str(tmp_path / "none"))


def test_the_hash_does_not_depend_on_layout():
    one, two = (Source.of("x", text).summary["hash"] for text in (b"/a => /b;\n/c=>/d", b"/a=>/b ; /c => /d ;# x"))
    assert one == two
