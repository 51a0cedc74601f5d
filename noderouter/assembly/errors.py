"""The errors of a router in words that help to mend them, and the log of faults of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from logging import ERROR

from dtab import Path
from noderouter.config.router import RouterConfig
from noderouter.core.background import Log
from noderouter.core.errors import ConnectError, NoSuchName
from noderouter.core.exchange import Exchange
from noderouter.naming.interpreter.interpreter import Interpreter
from noderouter.proxy.http.error_text import cannot_connect, no_hosts
from noderouter.proxy.router.clients import Clients

_NOWHERE = Path()


@dataclass(frozen=True, slots=True)
class ErrorWords:
    """The two callables that `ErrorReply` is made with."""

    explain: Callable[[Exchange, Exception], Exception]
    """Returns the same error, or one with what is needed to mend it."""
    on_fault: Callable[[Exchange, Exception], None]
    """Called with an exception that is a fault of ours: it is answered, and logged."""


def build_error_words(config: RouterConfig, interpreter: Interpreter, clients: Clients, log: Log) -> ErrorWords:
    """The words about failed exchanges of one router."""

    def explain(exchange: Exchange, error: Exception) -> Exception:
        if isinstance(error, NoSuchName):
            override = None if exchange.context is None else exchange.context.local
            stored = interpreter.stored_dtab()
            return no_hosts(exchange.name or _NOWHERE, config.dtab, override, stored, error.message)
        if isinstance(error, ConnectError) and exchange.client_id is not None and exchange.endpoint is not None:
            known = clients.find(exchange.client_id)
            addresses = [] if known is None else [str(each) for each in known.endpoints]
            selected = str(exchange.endpoint.address)
            return cannot_connect(exchange.name or _NOWHERE, exchange.client_id, addresses, selected, error.reason)
        return error

    def on_fault(exchange: Exchange, error: Exception) -> None:
        log(ERROR, "exchange.fault", router=config.label, name=str(exchange.name), exc_info=error)

    return ErrorWords(explain, on_fault)
