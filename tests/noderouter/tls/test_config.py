"""The keys `tls`: what is refused, and with which words."""

import pytest

from noderouter.schema.kind import ValidationError
from noderouter.tls.config import ClientTls, ServerTls, openssl_name

FILES = {"certPath": "/tls/tls.crt", "keyPath": "/tls/tls.key"}


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"certPath": "/x"}, "keyPath"),
        (FILES | {"enabled": True}, "enabled"),
        (FILES | {"requireClientAuth": True}, "requireClientAuth needs caCertPath"),
        (FILES | {"protocols": ["TLSv1.1"]}, "not safe and cannot be had"),
        (FILES | {"protocols": ["TLSv9"]}, "no version of TLS"),
        (FILES | {"protocols": []}, "the list is empty"),
        (FILES | {"ciphers": ["TLS_AES_128_GCM_SHA256"]}, "cannot be chosen"),
        (FILES | {"ciphers": ["RC5"]}, "no such suite"),
    ],
)
def test_servers_are_refused(keys, words):
    with pytest.raises(ValidationError, match=words):
        ServerTls.model_validate(keys)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "tls is configured with validation but `commonName` is not set"),
        ({"trustCertsBundle": "/ca"}, "`commonName` is not set"),
        (
            {"commonName": "web", "trustCerts": ["/a"], "trustCertsBundle": "/b"},
            "Both trustCerts and trustCertsBundle have been set. Please use only trustCertsBundle.",
        ),
        ({"disableValidation": True, "clientAuth": FILES}, "exclude each other"),
        ({"disableValidation": True, "trustCertsBundle": "/b"}, "leaves no use"),
        ({"commonName": "web", "trustCerts": []}, "the list is empty"),
        ({"commonName": ""}, "at least 1 character"),
        ({"commonName": "web", "clientAuth": {"certPath": "/x"}}, "keyPath"),
    ],
)
def test_clients_are_refused(keys, words):
    with pytest.raises(ValidationError, match=words):
        ClientTls.model_validate(keys)


@pytest.mark.parametrize(
    "keys",
    [
        {"commonName": "web"},
        {"disableValidation": True},
        {"disableValidation": True, "commonName": "web"},
        {"enabled": False},
        {"commonName": "web", "trustCerts": ["/a", "/b"], "clientAuth": FILES, "protocols": ["TLSv1.3"]},
    ],
)
def test_clients_that_are_fine(keys):
    ClientTls.model_validate(keys)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
        ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"),
        ("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", "ECDHE-RSA-AES256-SHA384"),
        ("ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"),
    ],
)
def test_suites_may_have_the_names_of_linkerd(name, expected):
    assert openssl_name(name) == expected
    assert ServerTls.model_validate(FILES | {"ciphers": [name]}).ciphers == (name,)
