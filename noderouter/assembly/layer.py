"""Makes the layers of stacks from filter classes, so that what is shown of a stack is what it was built from."""

from collections.abc import Callable, Sequence
from typing import Concatenate, ParamSpec

from noderouter.core.service import Layer, Service, Serving, WhenReserved

P = ParamSpec("P")


def layer(make: Callable[Concatenate[Service, P], Serving], *args: P.args, **keywords: P.kwargs) -> Layer:
    """A filter of the class `make`, which is given these arguments behind the inner service."""
    return Layer(make.__name__, lambda service: make(service, *args, **keywords))


def when_reserved(filters: Sequence[Layer]) -> Layer:
    """Filters that only a request with reserved fields runs through."""
    return Layer(WhenReserved.__name__, lambda service: WhenReserved(service, filters), filters=filters)
