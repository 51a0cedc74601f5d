"""The models of routers by protocol, and the choice among them."""

from collections.abc import Mapping
from typing import Annotated, Final

from noderouter.config.h2_router import H2RouterConfig
from noderouter.config.http_router import HttpRouterConfig
from noderouter.config.router import RouterConfig
from noderouter.schema.kind import Chosen

ROUTERS: Final[Mapping[str, type[RouterConfig]]] = {"http": HttpRouterConfig, "h2": H2RouterConfig}


def _model_of(value: object) -> type[RouterConfig]:
    """Return the model that a router's keys are checked as; that of http says what is wrong with other protocols."""
    protocol = value.get("protocol") if isinstance(value, Mapping) else None
    return ROUTERS.get(protocol, HttpRouterConfig) if isinstance(protocol, str) else HttpRouterConfig


AnyRouter = Annotated[RouterConfig, Chosen(_model_of)]
"""A router of any protocol."""
