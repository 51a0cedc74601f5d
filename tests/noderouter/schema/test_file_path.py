import pytest
from pydantic import ValidationError

from noderouter.schema.file_path import FilePath
from noderouter.schema.kind import Model


class Holder(Model):
    path: FilePath


def test_a_relative_path_is_that_of_the_start(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Holder(path="a/../b").path == str(tmp_path / "b")
    assert Holder(path="/etc/dtab").path == "/etc/dtab"


@pytest.mark.parametrize("path", ["", "a\0b", "\ud800", 5, None])
def test_what_no_file_can_be_called_is_refused(path):
    with pytest.raises(ValidationError):
        Holder(path=path)
