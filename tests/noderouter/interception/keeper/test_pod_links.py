"""Which link a pod is bound to: once, for as long as it is wanted. With a fake network, whose links end on demand."""

from ipaddress import ip_address

from noderouter.interception.keeper.pod_links import PodLinks
from noderouter.interception.keeper.rules.ruleset import ruleset
from noderouter.interception.keeper.state import GONE, Interface, Pod, Wanted
from tests.testing.intercept_state import SERVICES, policy

ADDRESS = ip_address("10.244.0.30")
OLD, NEW = Pod("old", "default", (ADDRESS,)), Pod("new", "shop", (ADDRESS,))


class Links:
    """One address, whose link changes."""

    def __init__(self) -> None:
        self.link: Interface | None = Interface(5, "cali5")
        self.asked = 0

    def find(self, _address: object) -> Interface | None:
        self.asked += 1
        return self.link

    def exists(self, interface: Interface) -> bool:
        return interface == self.link


def captured(pod_links: PodLinks, *pods: Pod) -> list[object]:
    pod_links.follow(pods)
    family = ruleset(policy(), Wanted(pods, SERVICES), pod_links.links).families[0]
    return [*family.sources, *family.pinned]


def test_a_pod_is_bound_once():
    links = Links()
    pod_links = PodLinks(links.find, links.exists)
    assert captured(pod_links, OLD) == [(ADDRESS, Interface(5, "cali5"))]
    links.link = Interface(6, "cali6")
    assert captured(pod_links, OLD) == [(ADDRESS, Interface(5, "cali5"))]
    assert links.asked == 1


def test_a_pod_whose_link_has_ended_is_captured_no_more():
    links = Links()
    pod_links = PodLinks(links.find, links.exists)
    captured(pod_links, OLD)
    assert pod_links.refresh() is False
    links.link = Interface(6, "cali6")
    assert pod_links.refresh() is True
    assert pod_links.links == {("old", ADDRESS): GONE}
    assert captured(pod_links, OLD) == []
    assert pod_links.refresh() is False
    assert captured(pod_links, NEW) == [(ADDRESS, Interface(6, "cali6"))]


def test_an_address_of_two_pods_is_nobodys():
    links = Links()
    pod_links = PodLinks(links.find, links.exists)
    assert captured(pod_links, OLD, NEW) == []
    assert captured(pod_links, NEW) == [(ADDRESS, Interface(5, "cali5"))]


def test_a_pod_that_comes_back_is_looked_for_again():
    links = Links()
    pod_links = PodLinks(links.find, links.exists)
    captured(pod_links, OLD)
    captured(pod_links)
    links.link = Interface(6, "cali6")
    assert captured(pod_links, OLD) == [(ADDRESS, Interface(6, "cali6"))]


def test_where_routing_does_not_say_the_address_has_to_do():
    links = Links()
    links.link = None
    assert captured(PodLinks(links.find, links.exists), OLD) == [ADDRESS]
