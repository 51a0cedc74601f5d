"""Pages of lists, in the form of the API and in any other."""

import json

import pytest

from noderouter.kubernetes.errors import MalformedAnswer
from noderouter.kubernetes.list_page import Page

ITEMS = [{"metadata": {"name": str(number)}, "items": [1, "]"]} for number in range(3)]
METADATA = {"resourceVersion": "7", "continue": "next"}


@pytest.mark.parametrize("items", [ITEMS, []])
@pytest.mark.parametrize(
    "form",
    [
        lambda items: {"kind": "List", "apiVersion": "v1", "metadata": METADATA, "items": items},
        lambda items: {"items": items, "metadata": METADATA},
        lambda items: {"metadata": METADATA, "items": items, "kind": "List"},
    ],
)
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_any_order_and_spacing(items, form, separators):
    page = Page(json.dumps(form(items), separators=separators).encode())
    assert (page.version, page.next_page) == ("7", "next")
    assert list(page) == items


def test_no_items_at_all():
    assert list(Page(b'{"metadata":{"resourceVersion":"7"},"items":null}')) == []
    assert Page(b'{"metadata":{}}').version == ""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"<html>",
        b"[]",
        b'{"items":[]}',
        b'{"metadata":{},"items":{}}',
        b'{"metadata":{},"items":[1]}',
        b'{"metadata":{},"items":[{"a":1}',
        b'{"metadata":{},"items":[{"a":1},',
        b'{"metadata":{},"items":[{"a":1} {"a":2}]}',
    ],
)
def test_what_is_no_list_is_refused(body):
    with pytest.raises(MalformedAnswer):
        list(Page(body))
