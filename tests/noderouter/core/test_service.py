"""Services and filters: stacks, and the layers that they are built from."""

from noderouter.assembly.layer import layer, when_reserved
from noderouter.core.service import stack


class Mark:
    """A filter that leaves its name."""

    def __init__(self, service, name, *, loud=False):
        self._service = service
        self._name = name.upper() if loud else name

    async def serve(self, exchange):
        exchange.append(self._name)
        await self._service(exchange)


async def inner(exchange):
    exchange.append("inner")


async def test_the_first_layer_is_the_outermost():
    layers = [layer(Mark, "a"), layer(Mark, "b", loud=True), lambda service: Mark(service, "c")]
    passed = []
    await stack(layers, inner)(passed)
    assert passed == ["a", "B", "c", "inner"]


def test_a_layer_tells_its_class_and_what_it_was_told_to_show():
    made = layer(Mark, "a").showing(maxCalls=3, timeoutMs=None)
    assert (made.name, dict(made.params), list(made.filters)) == ("Mark", {"maxCalls": 3}, [])
    assert repr(made) == "<Layer Mark>"
    assert dict(layer(Mark, "b").params) == {}


def test_filters_for_requests_with_reserved_fields_are_inside_of_one_layer():
    inside = [layer(Mark, "a"), layer(Mark, "b")]
    made = when_reserved(inside)
    assert (made.name, made.filters) == ("WhenReserved", inside)
