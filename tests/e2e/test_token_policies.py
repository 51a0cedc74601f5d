"""Policies that ask for claims, judged by the tokens that a server has verified."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.test_policy import WEB, dtab_to, of_account, policed
from tests.testing.api_server import ApiServer, api_server
from tests.testing.backend import backend
from tests.testing.tokens import AUDIENCE, ISSUER, ec_key, jwks

KEY = ec_key()
DEVELOPERS = """
- name: developers
  to: {namespace: prod, pods: {app: web}}
  action: allow
  rules: [{claims: {iss: https://issuer.example, groups: [dev]}}]
"""


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with api_server() as running:
        running.store.put("pods", of_account("web", WEB, app="web"))
        yield running


async def test_a_missing_token_is_403_and_a_wrong_one_401(server: ApiServer, tmp_path: Path) -> None:
    servers = [{"port": 0, "jwt": [{"issuer": ISSUER, "audiences": AUDIENCE, "jwks": jwks(KEY).decode()}]}]
    async with backend() as web, policed(server, tmp_path, DEVELOPERS, dtab_to(web), servers=servers) as here:

        async def asked(token: bytes | None) -> int:
            fields = [] if token is None else [("Authorization", f"Bearer {token.decode()}")]
            return int((await here.ask("/", fields=fields)).status)

        assert await asked(None) == 403
        assert await asked(b"opaque") == 401
        assert await asked(KEY.token()) == 403
        assert await asked(KEY.token(groups=["ops"])) == 403
        assert await asked(KEY.token(groups="dev")) == 200
        assert await asked(KEY.token(groups=["ops", "dev"])) == 200
        assert await asked(ec_key("e").token(groups=["dev"])) == 401
        assert len(web.got) == 2
