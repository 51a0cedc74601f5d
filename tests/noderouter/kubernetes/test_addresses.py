"""Which endpoints count."""

from noderouter.kubernetes.addresses import addresses, has_host, named, numbered, reused
from noderouter.kubernetes.endpoint_slice import Host, Slice

HTTP = (("http", 80),)


def shown(*slices, port=None, **keys):
    return sorted(str(each) for each in addresses(slices, port or named("http"), **keys))


def test_ready_ones_or_else_draining_ones():
    ready, draining, dead = Host("10.0.0.1"), Host("10.0.0.2", False, True), Host("10.0.0.3", False)
    assert shown(Slice(HTTP, (ready, draining, dead))) == ["10.0.0.1:80"]
    assert shown(Slice(HTTP, (draining, dead))) == ["10.0.0.2:80"]
    assert shown(Slice(HTTP, (dead,))) == []
    # Over all slices together, not for each.
    assert shown(Slice(HTTP, (draining,)), Slice(HTTP, (ready,))) == ["10.0.0.1:80"]


def test_one_address_for_each_pod_and_port():
    four, six = Host("10.0.0.1", uid="a"), Host("fd00::1", uid="a")
    only_six = Host("fd00::2", uid="b")
    both = (Slice(HTTP, (four,)), Slice(HTTP, (six, only_six), ipv6=True))
    assert shown(*both) == ["10.0.0.1:80", "[fd00::2]:80"]
    assert shown(*both, ipv6_first=True) == ["[fd00::1]:80", "[fd00::2]:80"]
    by_hand = (Slice(HTTP, (Host("192.0.2.1"),)), Slice(HTTP, (Host("2001:db8::1"),), ipv6=True))
    assert shown(*by_hand) == ["192.0.2.1:80", "[2001:db8::1]:80"]  # nothing says that they are one


def test_ports():
    unnamed = Slice((("", 8080),), (Host("10.0.0.1"),))
    several = Slice((("", 1), ("http", 2)), (Host("10.0.0.2"),))
    assert shown(unnamed, several) == ["10.0.0.1:8080", "10.0.0.2:2"]
    assert shown(several, port=named("grpc")) == []
    assert shown(unnamed, several, port=numbered("http", 9)) == ["10.0.0.1:9", "10.0.0.2:2"]


def test_hosts_by_name():
    web = Slice(HTTP, (Host("10.0.0.1", name="web-0"), Host("10.0.0.2", False, name="web-1")))
    assert shown(web, host="web-0") == ["10.0.0.1:80"]
    assert shown(web, host="web-1") == []
    assert has_host((web,), named("http"), "web-1")
    assert not has_host((web,), named("http"), "web-2")
    assert not has_host((web,), named("x"), "web-0")


def test_another_pod_is_another_address_and_a_hint_is_not():
    def one(**keys):
        return addresses((Slice(HTTP, (Host("10.0.0.1", **keys),)),), named("http"))

    assert one(uid="a") != one(uid="b")
    assert one(uid="a", hints=("z",)) == one(uid="a")
    assert one(uid="a", node="n1") != one(uid="a", node="n2")


def test_what_is_the_same_stays_the_same_object():
    def of(*hosts):
        return addresses([Slice(HTTP, hosts)], named("http"))

    one, two, three = Host("10.0.0.1", uid="a"), Host("10.0.0.2", uid="b"), Host("10.0.0.3", uid="c", hints=("x",))
    old = of(one, two, three)
    again, elsewhere = Host("10.0.0.2", uid="other"), Host("10.0.0.3", uid="c", hints=("y",))
    fresh = of(Host("10.0.0.1", uid="a"), again, elsewhere)
    found = reused(fresh, old)
    assert found == fresh
    kept = {id(each) for each in old}
    assert {each.ip for each in found if id(each) in kept} == {"10.0.0.1"}
    assert {each.hints for each in found} == {(), ("y",)}  # which are not compared
