"""What is declared about a port: by annotation, protocol, name, number, in this order."""

import re
from pathlib import Path

import pytest

from noderouter.core.destination import Speech
from noderouter.interception.control.declared_protocol import OPAQUE_PORTS, SPEAKS_FIRST, opaque_ports, speech_of


def declared(number=80, name="", protocol=None, *, annotated=(), configured=()):
    port = {"port": number} | ({"name": name} if name else {}) | ({"appProtocol": protocol} if protocol else {})
    return speech_of(port, annotated, configured)


@pytest.mark.parametrize("word", ["http", "HTTP", "http2", "grpc", "grpc-web", "kubernetes.io/h2c", "kubernetes.io/ws"])
def test_protocols_that_are_http(word):
    assert declared(protocol=word) is Speech.HTTP
    assert declared(3306, protocol=word) is Speech.HTTP, "what is declared counts before the number"


@pytest.mark.parametrize("name", ["http", "http-web", "http2", "http2-x", "h2c", "grpc", "grpc-web", "grpc-web-x"])
def test_names_that_are_http(name):
    assert declared(name=name) is Speech.HTTP


@pytest.mark.parametrize("word", ["tcp", "mysql", "postgres", "redis", "mongo", "kafka", "amqp", "nats", "smtp"])
def test_what_is_opaque(word):
    assert declared(protocol=word) is Speech.OPAQUE
    assert declared(name=word) is Speech.OPAQUE
    assert declared(name=f"{word}-main") is Speech.OPAQUE


@pytest.mark.parametrize("word", ["https", "tls", "kubernetes.io/wss"])
def test_tls_is_looked_at_for_the_name_of_its_server(word):
    assert declared(443, protocol=word) is Speech.UNKNOWN
    assert declared(587, protocol=word) is Speech.UNKNOWN
    assert declared(443, name="https-api") is Speech.UNKNOWN


@pytest.mark.parametrize("name", ["", "web", "metrics", "httpx", "my-http", "grpcish", "tcpx"])
def test_other_names_say_nothing(name):
    assert declared(name=name) is Speech.UNKNOWN
    assert declared(25, name=name) is Speech.OPAQUE


def test_the_protocol_counts_before_the_name_and_an_unknown_one_not_at_all():
    assert declared(name="tcp-x", protocol="http") is Speech.HTTP
    assert declared(name="http", protocol="redis") is Speech.OPAQUE
    assert declared(name="http", protocol="example.com/own") is Speech.HTTP


@pytest.mark.parametrize("number", [21, 25, 587, 3306, 4222])
def test_ports_that_speak_first(number):
    assert number in SPEAKS_FIRST
    assert declared(number) is Speech.OPAQUE


def test_ports_of_the_configuration_and_of_the_annotation():
    assert declared(9999) is Speech.UNKNOWN
    assert declared(9999, configured={9999}) is Speech.OPAQUE
    assert declared(9999, name="http", configured={9999}) is Speech.HTTP
    assert declared(9999, name="http", annotated={9999}) is Speech.OPAQUE


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        ("5432,6379", {5432, 6379}, ""),
        (" 5432 , ,6379,", {5432, 6379}, ""),
        ("", set(), ""),
        ("redis,0,65536,70000000000000,-1,٣,80", {80}, "redis, 0, 65536, 70000000000000, -1, ٣"),
    ],
)
def test_the_annotation(text, good, bad):
    assert opaque_ports({OPAQUE_PORTS: text}) == (good, bad)


@pytest.mark.parametrize("odd", [None, {}, [], {"other": "1"}])
def test_without_annotation(odd):
    assert opaque_ports(odd) == (frozenset(), "")


PAGE = (Path(__file__).parents[4] / "docs" / "interception.md").read_text()


def test_the_documentation_has_the_same_list():
    table = PAGE.split("### Ports that speak first\n")[1].split("\n#")[0]
    rows = dict(re.findall(r"^\| (\d+) \| (.+?) \|$", table, re.MULTILINE))
    assert {int(number): what for number, what in rows.items()} == SPEAKS_FIRST
