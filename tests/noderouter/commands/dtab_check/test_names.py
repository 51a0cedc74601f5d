import pytest

from dtab import Dtab, Path
from noderouter.commands.dtab_check.names import each_once, from_file, of_dtabs
from noderouter.commands.dtab_check.source import SourceError


def test_names_of_a_file(tmp_path):
    file = tmp_path / "names"
    file.write_text("# what we call\n/svc/hello\n\n  /svc/world  # the other\n/#/fs\n")
    assert [name.show() for name in from_file(str(file))] == ["/svc/hello", "/svc/world", "/#/fs"]


def test_a_line_that_is_no_name(tmp_path):
    file = tmp_path / "names"
    file.write_text("/svc/hello\nhello\n")
    with pytest.raises(SourceError, match=r"names:2: '/' expected but 'h' found"):
        from_file(str(file))


@pytest.mark.parametrize("data", [None, b"/a\xff"])
def test_a_file_that_cannot_be_read(tmp_path, data):
    if data is not None:
        (tmp_path / "names").write_bytes(data)
    with pytest.raises(SourceError, match="names: "):
        from_file(str(tmp_path / "names"))


def test_names_that_dtabs_speak_of():
    dtabs = [Dtab.parse("/svc/hello => /a; /svc/*/x => /b; / => /c"), Dtab.parse("/svc/hello => /d; /a => /e")]
    assert [name.show() for name in each_once(of_dtabs(dtabs))] == ["/a", "/svc/hello"]


def test_each_once_in_order():
    names = [Path.parse(text) for text in ("/b", "/a", "/b")]
    assert [name.show() for name in each_once(names)] == ["/a", "/b"]
