"""What people read when a request cannot be routed."""

import pytest

from dtab import Dtab, Path
from noderouter.core.errors import BindingTimeout, ConnectError, DeadlineExceeded, NoSuchName
from noderouter.proxy.http.error_text import (
    MAX_ADDRESSES,
    MAX_DENTRIES,
    attempt_timeout,
    binding_timeout,
    cannot_connect,
    no_hosts,
    show_seconds,
    total_timeout,
)

NAME = Path.parse("/svc/x")
CLIENT = Path.parse("/#/io.l5d.fs/x")


def test_no_hosts() -> None:
    error = no_hosts(NAME, Dtab.parse("/svc=>/a|/b;/a=>!"), Dtab.parse("/svc/x=>/c"), Dtab.parse("/s=>/t"))
    assert isinstance(error, NoSuchName)
    assert error.status == 502
    assert error.message == (
        "Unable to route request!\n"
        "\n"
        "service name: /svc/x\n"
        "dtab:\n"
        "  /s => /t\n"
        "base dtab:\n"
        "  /svc => /a | /b\n"
        "  /a => !\n"
        "override dtab:\n"
        "  /svc/x => /c\n"
    )


def test_no_hosts_without_dtabs() -> None:
    error = no_hosts(NAME, Dtab.EMPTY, None)
    assert error.message.endswith("service name: /svc/x\ndtab:\n\nbase dtab:\n\noverride dtab:\n\n")


def test_no_hosts_for_a_reason_of_our_own() -> None:
    plain, reasoned = (no_hosts(NAME, Dtab.EMPTY, None, reason=text).message for text in ("", "a loop"))
    assert reasoned == plain + "reason: a loop\n"


def test_a_long_dtab_is_not_shown_whole() -> None:
    base = Dtab.parse(";".join(f"/a{n}=>/b" for n in range(MAX_DENTRIES + 7)))
    message = no_hosts(NAME, base, None).message
    assert message.count(" => ") == MAX_DENTRIES
    assert "  ... and 7 more\n" in message


def test_cannot_connect() -> None:
    error = cannot_connect(NAME, CLIENT, ["10.0.0.1:80", "10.0.0.2:80"], "10.0.0.2:80")
    assert isinstance(error, ConnectError)
    assert error.retryable
    assert error.message == (
        "Unable to establish connection to 10.0.0.2:80.\n"
        "\n"
        "service name: /svc/x\n"
        "client name: /#/io.l5d.fs/x\n"
        "addresses: [10.0.0.1:80, 10.0.0.2:80]\n"
        "selected address: 10.0.0.2:80\n"
    )


def test_many_addresses_are_not_shown_whole() -> None:
    message = cannot_connect(NAME, CLIENT, (f"10.0.0.{n}:80" for n in range(10_000)), "a").message
    assert message.count(":80") == MAX_ADDRESSES
    assert ", ...]" in message


def test_timeouts() -> None:
    error = binding_timeout(NAME, 10)
    assert isinstance(error, BindingTimeout)
    assert error.status == 502
    assert error.message == "Exceeded 10.seconds binding timeout while resolving name: /svc/x"
    assert binding_timeout(NAME, 0.5, "/#/a | /#/b").message == (
        "Exceeded 500.milliseconds binding timeout while connecting to /#/a | /#/b for name: /svc/x"
    )
    total = total_timeout(NAME, 1)
    assert isinstance(total, DeadlineExceeded)
    assert total.status == 503
    assert total.message == (
        "exceeded 1.seconds to /svc/x while waiting for a response for the request, including retries (if applicable)"
    )
    assert attempt_timeout(CLIENT, 1).message == (
        "exceeded 1.seconds to /#/io.l5d.fs/x while waiting for a response for an individual request, excluding retries"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.milliseconds"),
        (0.0004, "0.milliseconds"),
        (0.25, "250.milliseconds"),
        (1, "1.seconds"),
        (1.5, "1.seconds+500.milliseconds"),
        (60, "1.minutes"),
        (90061, "1.days+1.hours+1.minutes+1.seconds"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert show_seconds(seconds) == text
