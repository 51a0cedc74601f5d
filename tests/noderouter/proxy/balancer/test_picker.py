"""What pickers share: membership."""

from noderouter.proxy.balancer.node import Node
from noderouter.proxy.balancer.picker import Picker


def test_members_are_marked():
    picker = Picker()
    one, two = Node(1), Node(2)
    picker.adopt([], [one, two])
    assert one.home is two.home is picker
    assert (one.index, two.index) == (0, 0)
    picker.adopt([one, two], [two])
    assert (one.index, two.index) == (-1, 0)


def test_a_node_that_another_picker_took_stays_that_ones():
    first, second = Picker(), Picker()
    node = Node(1)
    first.adopt([], [node])
    second.adopt([], [node])
    first.adopt([node], [])
    assert node.home is second
    assert node.index == 0


def test_books_are_optional():
    picker, node = Picker(), Node(1)
    picker.began(node, 1.0)
    picker.ended(node, 1.0, None)
    assert node.pending == 0
