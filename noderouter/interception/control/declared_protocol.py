"""What is declared about the protocol of a Service's port (pure).

The first of these that says something decides:

    1. the Service's annotation `noderouter.io/opaque-ports: "5432,6379"`     opaque
    2. `appProtocol` of the port                                              by the table below
    3. the name of the port, up to its first dash (`http-web`, `tcp-admin`)   by the table below
    4. the number of the port: `intercept.opaquePorts`, or `SPEAKS_FIRST`     opaque

A word that is not in the table says nothing. What speaks TLS is declared as unknown: the client begins, so that
detection costs nothing, and finds the name of the server that it wants.

`SPEAKS_FIRST` are ports of protocols in which the server speaks first: to wait for the client's first bytes there is to
wait in vain. Elsewhere such a protocol works, too, but each connection waits for the end of the time for detection.
`docs/interception.md` shows the list. Protocols whose client speaks first (PostgreSQL, Redis, memcached, MongoDB,
Kafka, TLS) are recognised at no cost.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

from noderouter.core.destination import Speech

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


OPAQUE_PORTS: Final = "noderouter.io/opaque-ports"
"""The annotation of Services."""

WORDS: Final[Mapping[Speech, frozenset[str]]] = {
    Speech.HTTP: frozenset(
        ("http", "http1", "http2", "h2c", "grpc", "grpc-web", "ws", "kubernetes.io/h2c", "kubernetes.io/ws")
    ),
    Speech.UNKNOWN: frozenset(("https", "tls", "ssl", "grpcs", "wss", "kubernetes.io/wss")),
    Speech.OPAQUE: frozenset((
        "tcp", "amqp", "beanstalkd", "cassandra", "clickhouse", "faktory", "ftp", "galera", "imap", "irc", "kafka",
        "ldap", "memcache", "memcached", "mongo", "mongodb", "mqtt", "mssql", "mysql", "nats", "oracle", "pop3",
        "postgres", "postgresql", "psql", "rabbitmq", "redis", "rsync", "sip", "smtp", "ssh", "telnet", "vnc", "xmpp",
        "zookeeper",
    )),
}  # fmt: skip
"""What words of `appProtocol` and of port names declare, in lower case."""

_DECLARED: Final = {word: speech for speech, words in WORDS.items() for word in words}


def speech_of(port: Mapping[str, Any], annotated: Collection[int], configured: Collection[int]) -> Speech:
    """Return what is declared about one of the `spec.ports` of a Service.

    Args:
        port: as it stands there.
        annotated: the ports that the Service's annotation names.
        configured: `intercept.opaquePorts`.
    """
    number = port.get("port")
    if number in annotated:
        return Speech.OPAQUE
    name = str(port.get("name") or "").lower()
    for word in (str(port.get("appProtocol") or "").lower(), name.partition("-")[0]):
        if word in _DECLARED:
            return _DECLARED[word]
    return Speech.OPAQUE if number in configured or number in SPEAKS_FIRST else Speech.UNKNOWN


def opaque_ports(annotations: object) -> tuple[frozenset[int], str]:
    """Return the ports that a Service's annotation names, and the part of it that names none, which is ignored."""
    text = annotations.get(OPAQUE_PORTS) if isinstance(annotations, Mapping) else None
    words = [word.strip() for word in str(text or "").split(",") if word.strip()]
    good = {word for word in words if word.isascii() and word.isdecimal() and len(word) < 6 and 1 <= int(word) <= 65535}
    return frozenset(map(int, good)), ", ".join(word for word in words if word not in good)[:100]
