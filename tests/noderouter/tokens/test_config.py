"""`jwt` of a server: what is accepted, and what is wrong in words.

Covers `sources.py`.
"""

import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from noderouter.config.config import Config
from noderouter.config.validate import dump, validate_text
from noderouter.telemetry.tree import MetricsTree
from noderouter.tokens import config as module
from noderouter.tokens.sources import KeySources
from tests.testing.tokens import AUDIENCE, ISSUER, ec_key, jwks

URI = "https://issuer.example/keys"
KEY = ec_key()


def written(*issuers: dict[str, Any], **server: Any) -> str:
    listed = [{"issuer": ISSUER, "audiences": [AUDIENCE]} | each for each in issuers]
    return json.dumps({"routers": [{"protocol": "http", "servers": [{"jwt": listed, **server}]}]})


def checked(*issuers: dict[str, Any], **server: Any) -> Config:
    found = validate_text(written(*issuers, **server))
    assert isinstance(found, Config), found
    return found


def problem(*issuers: dict[str, Any], **server: Any) -> str:
    found = validate_text(written(*issuers, **server))
    assert not isinstance(found, Config)
    assert len(found) == 1, found
    return f"{found[0].path}: {found[0].message}"


def test_the_least() -> None:
    (issuer,) = checked({"jwksUri": URI}).routers[0].servers[0].jwt
    assert (issuer.header, issuer.forward, issuer.trustCerts, issuer.lastGood) == ("authorization", False, (), None)


def test_it_is_shown_as_it_would_be_read() -> None:
    given = {
        "jwks": json.loads(jwks(KEY)),
        "audiences": "one",
        "header": "X-Token",
        "forwardClaims": [{"claim": "sub", "header": "X-Sub"}, {"claim": ["a", "b"], "header": "x-b"}],
    }
    config = checked(given)
    shown = dump(config)
    assert validate_text(json.dumps(shown)) == config
    (issuer,) = shown["routers"][0]["servers"][0]["jwt"]
    assert issuer["header"] == "x-token"
    assert issuer["audiences"] == ["one"]
    assert json.loads(issuer["jwks"])["keys"][0]["kid"] == "e"


def test_keys_as_text() -> None:
    assert checked({"jwks": jwks(KEY).decode()}).routers[0].servers[0].jwt[0].jwks is not None


@pytest.mark.parametrize(
    ("issuer", "words"),
    [
        ({}, "either `jwksUri` or `jwks`"),
        ({"jwksUri": URI, "jwks": jwks(KEY).decode()}, "either `jwksUri` or `jwks`"),
        ({"jwks": jwks(KEY).decode(), "lastGood": "/tmp/keys"}, "are for `jwksUri`"),
        ({"jwksUri": URI, "audiences": []}, "the list is empty"),
        ({"jwksUri": URI, "issuer": ""}, "issuer"),
        *(
            ({"jwksUri": uri}, "must be an https URI")
            for uri in (
                "http://issuer.example/keys", "issuer.example", "https://", "https://user:pw@issuer.example/",
                "https://issuer.example/#x", "https://issuer.example:99999/", "https://issuer.example/ x",
                "file:///etc/passwd", "https://issuer.example/\u00fc", "https://issuer.example/\x7f",
            )
        ),
        ({"jwks": "{"}, "not a JWK Set"),
        ({"jwks": {"keys": [{"kty": "oct", "k": "AA"}]}}, "no key in it can be used"),
        ({"jwks": {"keys": [KEY.jwk(d="AA")]}}, "a private key"),
        ({"jwks": 1}, "expected a JWK Set"),
        ({"jwksUri": URI, "header": "l5d-token"}, "means something else already"),
        ({"jwksUri": URI, "header": "Cookie"}, "means something else already"),
        ({"jwksUri": URI, "header": "l5d_token"}, "means something else already"),
        ({"jwksUri": URI, "header": "X_Forwarded_Client_Cert"}, "means something else already"),
        ({"jwksUri": URI, "forwardClaims": [{"claim": "sub", "header": "l5d-sub"}]}, "means something else already"),
        ({"jwksUri": URI, "forwardClaims": [{"claim": "sub", "header": "Host"}]}, "means something else already"),
        ({"jwksUri": URI, "forwardClaims": [{"claim": "sub", "header": "Authorization"}]}, "means something else"),
        ({"jwksUri": URI, "forwardClaims": [{"claim": [], "header": "x-sub"}]}, "the list is empty"),
        ({"jwksUri": URI, "forwardClaims": [{"claim": "a", "header": name} for name in ("x-a", "X-A")]}, "one header"),
        ({"jwksUri": URI, "forwardClaims": [{"claim": "a", "header": name} for name in ("x-a", "x_a")]}, "one header"),
        ({"jwksUri": URI, "header": "x-a", "forwardClaims": [{"claim": "a", "header": "x_a"}]}, "x-a has tokens"),
        ({"jwksUri": URI, "header": "x-a", "forwardClaims": [{"claim": "a", "header": "x-a"}]}, "x-a has tokens"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_one(issuer: dict[str, Any], words: str) -> None:
    assert words in problem(issuer)


def test_what_is_wrong_with_several() -> None:
    assert "is there twice" in problem({"jwksUri": URI}, {"jwksUri": URI, "audiences": ["other"]})
    assert "must be the same" in problem({"jwksUri": URI}, {"jwksUri": URI, "issuer": "b", "forward": True})
    respelled = [{"jwksUri": URI, "header": header} for header in ("x-token", "x_token")]
    assert "differ in `-` and `_` only" in problem(*respelled)
    assert "at most 16" in problem(*({"jwksUri": URI, "issuer": str(each)} for each in range(17)))
    checked({"jwksUri": URI}, {"jwksUri": URI, "header": "x-token"}, {"jwksUri": URI, "issuer": "b"})


def test_what_goes_round_it() -> None:
    claims = [{"claim": "sub", "header": "x-sub"}]
    assert "exclude each other" in problem({"jwksUri": URI, "forwardClaims": claims}, allowConnect=True)
    checked({"jwksUri": URI}, allowConnect=True)
    assert "capture.http2 is flows" in problem({"jwksUri": URI}, capture={"http2": "flows"})


def test_without_the_package_it_says_how_to_get_it() -> None:
    with patch.object(module, "installed", lambda: False):
        assert "pip install 'noderouter[tokens]'" in problem({"jwksUri": URI})
        assert "pip install 'noderouter[tokens]'" in problem({"jwks": {"keys": []}})


def test_servers_with_one_place_share_its_keys(tmp_path: Path) -> None:
    started: list[Any] = []
    tree = MetricsTree(10)
    sources = KeySources(lambda run, **_keys: started.append(run), tree, lambda *_args, **_keys: None)
    (one, other, kept) = checked(
        {"jwksUri": URI}, {"jwksUri": URI, "issuer": "b"}, {"jwksUri": URI, "issuer": "c", "lastGood": str(tmp_path)}
    ).routers[0].servers[0].jwt  # fmt: skip
    judge: Any = None
    assert sources.open(one, judge, "rules") is sources.open(other, judge, "rules")
    assert sources.open(one, judge, "others") is not sources.open(one, judge, "rules")
    assert sources.open(kept, judge, "rules") is not sources.open(one, judge, "rules")
    assert len(started) == 3
    assert tree.number(URI, "keys") == 0
    assert sources.words()[0] == f"keys at {URI}: no keys are known"
