"""The protocol: what is said comes across, and everything else is refused in words."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.interception.keeper import protocol
from noderouter.interception.keeper.errors import StateError
from noderouter.interception.keeper.protocol import (
    Disarm,
    Hello,
    Pods,
    Progress,
    Services,
    StatusRequest,
    decode,
    encode,
)
from noderouter.interception.keeper.state import Pod, Service

NAMES = st.from_regex(r"\A[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?\Z")
ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6).filter(lambda address: address.ipv4_mapped is None))
NUMBERS = st.integers(0, protocol.MAX_NUMBER)
PODS = st.lists(st.builds(Pod, NAMES, NAMES, st.lists(ADDRESSES, max_size=3).map(tuple)), max_size=4).map(tuple)
SERVICES = st.lists(st.builds(Service, ADDRESSES, st.integers(1, 65535), st.booleans()), max_size=4).map(tuple)


@given(NUMBERS, PODS)
def test_pods_come_across(generation, pods):
    assert decode(protocol.encode_pods(generation, pods)) == Pods(generation, pods)


@given(NUMBERS, SERVICES, st.frozensets(ADDRESSES, max_size=3))
def test_services_come_across(generation, services, never):
    assert decode(protocol.encode_services(generation, services, never)) == Services(generation, services, never)


@given(st.builds(Progress, st.sampled_from(["", "no lists yet"]), NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS))
def test_progress_comes_across(progress):
    assert decode(protocol.encode_progress(progress)) == progress


def test_the_rest_comes_across():
    assert decode(encode("hello", {"instance": "noderouter-x7k2p"})) == Hello("noderouter-x7k2p")
    assert decode(encode("disarm")) == Disarm()
    assert decode(encode("status")) == StatusRequest()


POD = {"uid": "u", "namespace": "n", "ips": ["10.0.0.1"]}
SERVICE = {"ip": "10.0.0.1", "port": 80, "http": True}


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ([], "`message` has to be an object"),
        ({"v": 2, "type": "disarm"}, "different versions"),
        ({"v": True, "type": "disarm"}, "different versions"),
        ({"v": 1.0, "type": "disarm"}, "different versions"),
        ({"v": "1", "type": "disarm"}, "different versions"),
        ({"v": 1, "type": "disarm", "x": 1}, "unknown keys: x"),
        ({"v": 1, "type": "nonsense"}, "valid: hello, pods"),
        ({"v": 1, "type": ["hello"]}, "unknown `type`"),
        ({"v": 1, "type": "hello"}, "lacks instance"),
        ({"v": 1, "type": "hello", "instance": "a b"}, "letters, digits"),
        ({"v": 1, "type": "pods", "generation": -1, "pods": []}, "`generation` has to be a number"),
        ({"v": 1, "type": "pods", "generation": True, "pods": []}, "`generation` has to be a number"),
        ({"v": 1, "type": "pods", "generation": 1.0, "pods": []}, "`generation` has to be a number"),
        ({"v": 1, "type": "pods", "generation": 1, "pods": {}}, "`pods` has to be a list"),
        ({"v": 1, "type": "pods", "generation": 1, "pods": [POD] * 1025}, "at most 1024"),
        ({"v": 1, "type": "pods", "generation": 1, "pods": [POD, {}]}, "`pods[1]` lacks uid"),
        ({"v": 1, "type": "pods", "generation": 1, "pods": [{**POD, "ip": 1}]}, "unknown keys: ip"),
        ({"v": 1, "type": "pods", "generation": 1, "pods": [{**POD, "uid": "x;y"}]}, "`pods[0].uid`"),
        ({"v": 1, "type": "pods", "generation": 1, "pods": [{**POD, "ips": [1]}]}, "`pods[0].ips[0]`"),
        ({"v": 1, "type": "pods", "generation": 1, "pods": [{**POD, "ips": ["10.0.0.1"] * 9}]}, "at most 8"),
        ({"v": 1, "type": "pods", "generation": 1, "pods": [{**POD, "ips": ["fe80::1%eth0"]}]}, "zone"),
        ({"v": 1, "type": "pods", "generation": 1, "pods": [{**POD, "ips": ["::ffff:1.2.3.4"]}]}, "IPv4-mapped"),
        ({"v": 1, "type": "services", "generation": 1, "services": [SERVICE]}, "lacks never"),
        (
            {"v": 1, "type": "services", "generation": 1, "services": [{**SERVICE, "port": 0}], "never": []},
            "from 1 to 65535",
        ),
        (
            {"v": 1, "type": "services", "generation": 1, "services": [{**SERVICE, "port": True}], "never": []},
            "`services[0].port` has to be a number",
        ),
        (
            {"v": 1, "type": "services", "generation": True, "services": [], "never": []},
            "`generation` has to be a number",
        ),
        (
            {"v": 1, "type": "services", "generation": 1, "services": [{**SERVICE, "http": 1}], "never": []},
            "true or false",
        ),
        (
            {"v": 1, "type": "services", "generation": 1, "services": [], "never": ["10.0.0.0/8"]},
            "`never[0]` has to be an IPv4",
        ),
    ],
)
def test_what_is_wrong_is_said(message, words):
    with pytest.raises(StateError) as refused:
        decode(json.dumps(message).encode())
    assert words in str(refused.value)


@pytest.mark.parametrize("key", ["reactorLagMs", "acceptQueue", "acceptBacklog", "probeMs", "probeAgeMs"])
@pytest.mark.parametrize("value", [True, False, 1.0, "1", None, -1, 2**53 + 1])
def test_every_number_of_progress_has_to_be_one(key, value):
    """To Python `True` is 1, and JSON's `true` is no number."""
    message = json.loads(protocol.encode_progress(Progress("", 1, 1, 1, 1, 1)))
    decode(json.dumps(message).encode())
    with pytest.raises(StateError, match=f"`{key}` has to be a number"):
        decode(json.dumps({**message, key: value}).encode())


@pytest.mark.parametrize("line", [b"", b"{", b"\xff", b"[" * 100_000, b'{"v":1,"type":"hello","instance":NaN}'])
def test_what_is_no_message_is_refused(line):
    with pytest.raises(StateError):
        decode(line)


KEYS = st.sampled_from(["v", "type", "pods", "uid", "ips", "generation", "services"])
SCALARS = st.none() | st.booleans() | st.integers() | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner))


@given(VALUES)
def test_nothing_but_a_state_error_comes_out(value):
    message = {**value, "v": 1} if isinstance(value, dict) else value
    try:
        decode(json.dumps(message).encode())
    except StateError:
        pass


def test_the_reason_for_not_being_ready_is_bounded():
    with pytest.raises(StateError, match="notReady"):
        decode(protocol.encode_progress(Progress("x" * 201, 0, 0, 0, 0, 0)))
