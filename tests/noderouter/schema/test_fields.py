"""The types of keys: what they take, how they are shown again, and what they say of the rest."""

import re
from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from dtab import Dtab, Path
from noderouter.schema.fields import DtabText, FieldName, FilePath, Ip, Label, NotEmpty, OneOrMore, PathText, Regex
from noderouter.schema.kind import Model


def check(annotation: Any, value: object) -> Any:
    return TypeAdapter(annotation).validate_python(value)


def refusal(annotation: Any, value: object) -> str:
    with pytest.raises(ValidationError) as caught:
        check(annotation, value)
    return caught.value.errors()[0]["msg"]


def test_paths_and_dtabs() -> None:
    assert check(PathText, "/svc/a") == Path.of("svc", "a")
    assert check(DtabText, "/a => /b ; /c=>!") == Dtab.parse("/a=>/b;/c=>!")
    assert TypeAdapter(PathText).dump_python(Path.of("svc")) == "/svc"
    assert TypeAdapter(DtabText).dump_python(Dtab.parse("/a => /b;")) == "/a=>/b"
    for annotation, value in ((PathText, Path.of("svc")), (DtabText, Dtab.EMPTY)):
        assert check(annotation, value) is value


def test_errors_of_the_language_say_where_in_the_text() -> None:
    with pytest.raises(ValidationError) as caught:
        check(DtabText, "/a => /b ;\n/c = /d")
    error = caught.value.errors()[0]
    assert error["msg"] == "'>' expected but ' ' found; for example /svc => /#/io.l5d.fs"
    assert error["ctx"]["offset"] == 15
    assert refusal(PathText, "svc") == "'/' expected but 's' found; for example /svc"
    assert refusal(PathText, 5) == "expected text"


@pytest.mark.parametrize("text", ["127.0.0.1", "0.0.0.0", "::", "::1", "fe80::1", "::ffff:10.0.0.1"])
def test_ips(text: str) -> None:
    assert check(Ip, text) == text


@pytest.mark.parametrize(
    "text", ["", "256.1.1.1", "1.2.3", "010.1.1.1", "1.2.3.4 ", "host", "[::1]", "::1%lo", "\0", "१.1.1.1"]
)
def test_what_is_no_ip(text: str) -> None:
    assert "not an IP address" in refusal(Ip, text)


def test_localhost_is_the_loopback() -> None:
    assert check(Ip, "localhost") == "127.0.0.1"
    assert refusal(Ip, 5) == "expected text"


def test_regular_expressions() -> None:
    pattern = check(Regex, "/admin/.*")
    assert pattern == re.compile("/admin/.*")
    assert check(Regex, pattern) is pattern
    assert TypeAdapter(Regex).dump_python(pattern) == "/admin/.*"
    assert "not a regular expression: missing )" in refusal(Regex, "(")
    assert refusal(Regex, 5) == "expected text"


def test_labels_and_field_names() -> None:
    for good in ("outgoing-1", "/http-outgoing", "a/b"):
        assert check(Label, good) == good
    assert check(FieldName, "x-request-start") == "x-request-start"
    for bad in ("", "a b", "a?b", "a#b", "a\n", "x" * 101):
        refusal(Label, bad)
    for bad in ("", "a:", "a b", "a\n", "ä"):
        refusal(FieldName, bad)


def test_lists() -> None:
    many = Annotated[tuple[int, ...], NotEmpty, OneOrMore]
    assert check(many, 5) == (5,)
    assert check(many, [5, 6]) == (5, 6)
    assert "the list is empty" in refusal(many, [])


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
