"""Which form is given to whom.

Covers `query.py`.
"""

import pytest

from noderouter.admin.dashboard.accept import Form, wanted
from noderouter.admin.dashboard.query import BadQuery, choice, number, words

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", Form.TEXT),
        ("*/*", Form.TEXT),
        (BROWSER, Form.HTML),
        ("application/json", Form.JSON),
        ("Application/JSON; charset=utf-8", Form.JSON),
        ("text/html;q=0.5, application/json", Form.JSON),
        ("application/json;q=0.5, text/html", Form.HTML),
        ("text/html;q=0", Form.TEXT),
        ("text/html;q=x, text/plain", Form.TEXT),
        ("text/html;q=7", Form.TEXT),
        ("text/plain, */*", Form.TEXT),
        ("text/plain, application/json;q=0.1", Form.TEXT),
        ("text/plain;q=1, text/html;q=0.2", Form.TEXT),
        ("text/html;q=0.9, text/plain;q=0.5", Form.HTML),
        ("application/json, text/plain, */*", Form.JSON),
        ("," * 10_000, Form.TEXT),
    ],
)
def test_the_form(accept: str, form: Form) -> None:
    assert wanted({"accept": accept}, {}) is form


def test_a_link_has_the_last_word() -> None:
    assert wanted({"accept": BROWSER}, {"as": "text"}) is Form.TEXT
    with pytest.raises(BadQuery, match="as: one of text, html, json, not 'pdf'"):
        wanted({}, {"as": "pdf"})


def test_parameters() -> None:
    assert choice({}, "sort", ("a", "b")) == ""
    assert number({"n": "7"}, "n", 3, 1, 9) == number({}, "n", 7, 1, 9) == 7
    for wrong in ("0", "10", "-1", "x", "1e3", "9" * 50, "٣"):
        with pytest.raises(BadQuery, match="n: a whole number from 1 to 9"):
            number({"n": wrong}, "n", 3, 1, 9)
    assert words({"q": "  Cart shop "}) == ["cart", "shop"]
