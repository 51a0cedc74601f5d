import pytest

from noderouter.naming.stored.key import Key, NotText, text_under


@pytest.mark.parametrize(
    ("text", "key"), [("a/b", Key("a", "b", "")), ("a/b:c", Key("a", "b", "c")), ("a/b.x:c.d", Key("a", "b.x", "c.d"))]
)
def test_it_is_read_and_shown(text, key):
    assert Key.parse(text) == key
    assert str(key) == text


@pytest.mark.parametrize("text", ["", "a", "a/", "/b", "a/b/c", "a/b:", ":c"])
def test_what_is_none(text):
    with pytest.raises(ValueError, match="is not NAMESPACE/NAME"):
        Key.parse(text)


def test_what_is_under_a_key():
    assert text_under({"data": {"a": "x"}}, "a") == "x"
    assert text_under({"data": {"a": "x"}}, "b") is None
    assert text_under({}, "a") is None
    with pytest.raises(NotText):
        text_under({"data": None, "binaryData": {"a": "eA=="}}, "a")
