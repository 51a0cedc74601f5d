import pytest

from noderouter.commands.check.kubernetes import check_server
from noderouter.kubernetes.access import Plain
from noderouter.kubernetes.api import COMMAND_TIMING, Api
from noderouter.kubernetes.errors import ApiError


class Answering(Api):
    """Answers one thing to everything."""

    def __init__(self, answer, access=None) -> None:
        super().__init__(access or Plain("h", 1), COMMAND_TIMING)
        self.answer = answer

    async def get(self, path, query=None):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (b'{"gitVersion":"v1.36.3"}', "ok   kubernetes http://h:1: reached, v1.36.3"),
        (b'{"gitVersion":"v1.20.1"}', "warn kubernetes http://h:1: reached, v1.20.1"),
        (b'{"gitVersion":"v2.0"}', "ok   kubernetes http://h:1: reached, v2.0"),
        (b"<html>", "fail kubernetes http://h:1: what answers there is not a Kubernetes API"),
        (b"[]", "fail kubernetes http://h:1: what answers there is not a Kubernetes API"),
        (ApiError("GET /version: 401", status=401), "fail kubernetes http://h:1: GET /version: 401"),
        (ApiError("refused"), "fail kubernetes http://h:1: refused"),
    ],
)
async def test_it(answer, line):
    assert str(await check_server(Answering(answer))).startswith(line)


async def test_outside_of_a_pod():
    line = await check_server(Answering(ApiError("refused"), Plain()))
    assert "give --kubeconfig" in line.hint
