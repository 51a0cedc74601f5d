"""Ports of protocols in which the server speaks first: to wait for the client's first bytes there is to wait in vain.

A port of a Service with one of these numbers, about which nothing else is declared, is opaque: it is passed on at once,
and nothing is looked at. Elsewhere such a protocol works, too, but each connection waits for the end of the time for
detection. `intercept.opaquePorts` adds to the list; `docs/interception.md` shows it.

Protocols whose client speaks first (PostgreSQL, Redis, memcached, MongoDB, Kafka, TLS) are recognised at no cost.
"""

from typing import Final

SPEAKS_FIRST: Final[dict[int, str]] = {
    21: "FTP",
    22: "SSH",
    23: "Telnet",
    25: "SMTP",
    110: "POP3",
    119: "NNTP",
    143: "IMAP",
    587: "SMTP submission",
    873: "rsync",
    2525: "SMTP, an unofficial port",
    3306: "MySQL, MariaDB",
    4190: "ManageSieve",
    4222: "NATS",
    4444: "Galera, whole state transfer",
    4567: "Galera, group communication",
    4568: "Galera, incremental state transfer",
    5900: "VNC",
    6033: "ProxySQL",
    7419: "Faktory",
}
