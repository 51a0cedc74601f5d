"""`tls` of servers and of clients (docs/linkerd1.md section 2.8)."""

import ssl
from collections.abc import Sequence
from typing import Annotated, ClassVar, Final, Self

from noderouter.schema.fields import FilePath, NotEmpty
from noderouter.schema.kind import AfterValidator, Field, Model, Several, model_validator

VERSIONS: Final = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
"""By their names in `protocols`."""
_OLD: Final = ("SSLv2Hello", "SSLv3", "TLSv1", "TLSv1.0", "TLSv1.1")


def _version(name: str) -> str:
    if name in _OLD:
        raise ValueError(f"{name} is not safe and cannot be had; there are {' and '.join(VERSIONS)}")
    if name not in VERSIONS:
        raise ValueError(f"no version of TLS; there are {' and '.join(VERSIONS)}")
    return name


def openssl_name(name: str) -> str:
    """Return what OpenSSL calls a suite of TLS 1.2 that is named as in its RFC, or as OpenSSL does."""
    if not name.startswith("TLS_"):
        return name
    short = name.removeprefix("TLS_").replace("_WITH_", "_")
    for size in ("128", "256"):
        short = short.replace(f"AES_{size}_", f"AES{size}_")
    return short.replace("CHACHA20_POLY1305_SHA256", "CHACHA20_POLY1305").replace("_CBC", "").replace("_", "-")


def _suite(name: str) -> str:
    if name.startswith("TLS_") and "_WITH_" not in name:
        raise ValueError("a suite of TLS 1.3: those cannot be chosen, and all of them are safe; take it out")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).set_ciphers(openssl_name(name))
    except ssl.SSLError:
        raise ValueError("OpenSSL knows no such suite, or does not have it at this level of security") from None
    return name


Versions = Annotated[Several[Annotated[str, AfterValidator(_version)]], NotEmpty]
Suites = Annotated[Several[Annotated[str, AfterValidator(_suite)]], NotEmpty]


class ServerTls(Model):
    """`tls` of a server: there is no switch, the key says that its clients speak TLS."""

    section: ClassVar[str] = "serverTls"

    certPath: FilePath
    """PEM; may have the intermediates behind it."""
    keyPath: FilePath
    intermediateCertsPath: FilePath | None = None
    caCertPath: FilePath | None = None
    """Who signs certificates of clients: who shows one shows one of theirs."""
    requireClientAuth: bool = False
    ciphers: Suites | None = None
    """Of TLS 1.2."""
    protocols: Versions = tuple(VERSIONS)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.requireClientAuth and self.caCertPath is None:
            raise ValueError(
                "requireClientAuth needs caCertPath: without it every client that some public authority has given a"
                " certificate would be let in"
            )
        return self


class ClientAuth(Model):
    """`clientAuth`: the certificate that a client shows."""

    section: ClassVar[str] = "clientAuth"

    certPath: FilePath
    keyPath: FilePath
    intermediateCertsPath: FilePath | None = None


class ClientTls(Model):
    """`tls` of a client: how it speaks with endpoints."""

    section: ClassVar[str] = "clientTls"

    enabled: bool = True
    """False in a later entry of `configs` takes back what an earlier one says."""
    disableValidation: bool = False
    commonName: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """Whom the certificate has to be for; with captures of the entry's prefix in braces."""
    trustCerts: Annotated[Several[FilePath], NotEmpty] | None = None
    trustCertsBundle: FilePath | None = None
    clientAuth: ClientAuth | None = None
    protocols: Versions = tuple(VERSIONS)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.enabled:
            return self
        if self.trustCerts is not None and self.trustCertsBundle is not None:
            raise ValueError("Both trustCerts and trustCertsBundle have been set. Please use only trustCertsBundle.")
        if self.disableValidation and self.clientAuth is not None:
            raise ValueError(
                "disableValidation and clientAuth exclude each other: a certificate would be shown to anybody;"
                " take one of them out"
            )
        if self.disableValidation and self.trust:
            raise ValueError(
                "disableValidation leaves no use for trustCerts and trustCertsBundle; take one of them out"
            )
        if not self.disableValidation and self.commonName is None:
            raise ValueError(
                "tls is configured with validation but `commonName` is not set; say whom the certificates of endpoints"
                " are for"
            )
        return self

    @property
    def trust(self) -> Sequence[str]:
        """The files with the authorities that are trusted; none for the system's."""
        return self.trustCerts or (() if self.trustCertsBundle is None else (self.trustCertsBundle,))
