"""How an attempt ends: with a response that is delivered, one that is discarded for another try, or none.

Every codec's client side asks here, so that HTTP/1 and later versions retry by the same rules.
"""

from typing import Final

from noderouter.core.errors import EndpointProtocolError
from noderouter.core.exchange import RETRYABLE, SUCCESS, Exchange
from noderouter.core.headers import Headers
from noderouter.core.message import HTTP_1_1, HTTP_2, Response
from noderouter.proxy.http.methods import IDEMPOTENT
from noderouter.proxy.http.success_class import success_fields
from noderouter.proxy.http.trailers import takes_trailers
from noderouter.proxy.http.via import via_response

_GOOD: Final = success_fields(SUCCESS) + via_response(Response(200, b"OK", Headers(), 0))
_GOOD_2: Final = success_fields(SUCCESS) + via_response(Response(200, b"OK", Headers(), 0, HTTP_2))


def deliver(exchange: Exchange, response: Response) -> bool:
    """Judge a final response head, and add the fields of the verdict and Via to what the client gets.

    Returns:
        False where the response is to be discarded, because the exchange is sent again.
    """
    exchange.response = response
    verdict = exchange.verdict = exchange.classifier.head(exchange)
    if verdict is RETRYABLE and exchange.gate is not None and not exchange.gate.deliver(exchange):
        return False
    if verdict is SUCCESS and response.reserved is None and response.version >= HTTP_1_1:
        exchange.reply_fields += _GOOD_2 if response.version == HTTP_2 else _GOOD
    elif verdict is None:
        exchange.reply_fields += via_response(response)
    else:
        exchange.reply_fields += success_fields(verdict) + via_response(response)
    return True


def conclude(exchange: Exchange, trailers: Headers | None) -> Headers | None:
    """Judge a response of unknown length at its end; the trailers that the client gets.

    A verdict that the head did not tell is among them (docs/linkerd1.md section 5.3), for those who said that they read
    trailers. (What an endpoint says under that name, the codec of HTTP/2 has left out; in HTTP/1 it may be no trailer.)
    """
    if exchange.response is not None:
        exchange.response.trailers = trailers
    late = exchange.verdict is None
    verdict = exchange.verdict = exchange.classifier.end(exchange, trailers)
    if not late or exchange.version != HTTP_2 or not takes_trailers(exchange.reserved or ()):
        return trailers
    told = Headers(success_fields(verdict))
    if trailers is not None:
        told.block = trailers.block + told.block
        told.never = trailers.never
    return told


def lost(exchange: Exchange, untouched: bool, words: str) -> Exception:
    """The error of an attempt whose connection ended before a response, unless it was the request that failed.

    A connection that was used before and ends before the first byte (`untouched`) was most likely closed by the
    endpoint because it was idle. That the request was not processed cannot be known, so only idempotent ones may be
    sent again (RFC 9110 section 9.2.2).
    """
    if exchange.request_failure is not None:
        return exchange.request_failure
    again = untouched and exchange.body.replayable and exchange.method in IDEMPOTENT
    return EndpointProtocolError(f"connection lost: {words}", retryable=again)
