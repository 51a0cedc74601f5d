"""Whether the pod that asks is captured."""

import pytest

from noderouter.admin.handler.captured import captured
from noderouter.admin.message import Request
from noderouter.interception.control.capture_status import Outlook, Verdict
from tests.noderouter.admin.conftest import MakeState


@pytest.mark.parametrize(
    ("found", "status", "words"),
    [
        (Outlook(Verdict.CAPTURED), 200, b"captured\n"),
        (Outlook(Verdict.DIRECT, "it is `disabled`"), 409, b"direct: it is `disabled`\n"),
        (Outlook(Verdict.NOT_YET, "no pod"), 503, b"not yet: no pod\n"),
    ],
)
async def test_by_its_address(make_state: MakeState, found: Outlook, status: int, words: bytes) -> None:
    asked: list[str] = []

    def outlook(address: str) -> Outlook:
        asked.append(address)
        return found

    response = await captured(make_state(outlook=outlook), Request("GET", "/captured", client="10.0.0.1"))
    assert (response.status, response.body) == (status, words)
    assert asked == ["10.0.0.1"]
