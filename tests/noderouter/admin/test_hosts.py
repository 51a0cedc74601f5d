"""Which hosts are ours."""

import pytest

from noderouter.admin.hosts import is_ours

NAMES = frozenset({"router.example"})


@pytest.mark.parametrize(
    "host",
    [
        None,
        "localhost",
        "LOCALHOST:9990",
        "127.0.0.1",
        "10.0.0.7:9990",
        "0.0.0.0:9990",
        "[::1]",
        "[::1]:9990",
        "[fe80::1%eth0]:9990",
        "[::ffff:127.0.0.1]:80",
        "router.example",
        "Router.Example.:9990",
        " localhost ",
        "localhost:",
    ],
)
def test_ours(host: str | None) -> None:
    assert is_ours(host, NAMES)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:9990",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.1",
        "2130706433",
        "0x7f.1",
        "::1",
        "[::1",
        "[::1]evil.example",
        "[evil.example]",
        "[127.0.0.1]",
        "[::1%'><script>]",
        "[::1%\u202e]",
        "localhost:9990@evil.example",
        "evil.example/localhost",
        "user@localhost",
        "localhost:99:99",
        "router.example.evil",
        "a.router.example",
        "\u0661\u0662\u0667.0.0.1",
    ],
)
def test_not_ours(host: str) -> None:
    assert not is_ours(host, NAMES)
