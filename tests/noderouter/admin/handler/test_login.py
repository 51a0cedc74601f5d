"""The form, and where it leads; with a server around it, in `test_gate.py`."""

import pytest

from noderouter.admin.handler.login import form, refused
from noderouter.admin.message import Request
from tests.noderouter.admin.conftest import MakeState, text_of


@pytest.mark.parametrize(
    ("path", "action"), [("/", "./login"), ("/names", "./login"), ("/a/b/c.json", "./../../login")]
)
def test_the_form_works_behind_a_proxy_that_puts_a_path_before(path: str, action: str) -> None:
    answer = refused(Request("GET", path, headers={"accept": "text/html,*/*"}))
    assert answer.status == 401
    assert f'action="{action}"' in text_of(answer)


def test_nobody_but_browsers_that_look_gets_it() -> None:
    for request in (Request("GET", "/"), Request("POST", "/names", headers={"accept": "text/html"})):
        answer = refused(request)
        assert answer.status == 401
        assert text_of(answer).startswith("a token is needed: ")


async def test_what_somebody_asked_for_is_text(make_state: MakeState) -> None:
    answer = refused(Request("GET", '/"><script>', headers={"accept": "text/html"}))
    assert "<script" not in text_of(answer)
    assert 'name="to" value="/"' in text_of(await form(make_state(), Request("GET", "/login")))
