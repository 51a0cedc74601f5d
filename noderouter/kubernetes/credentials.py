"""Who we are to the API: an address, TLS, and the header fields of each request.

A token in a file changes (the kubelet rotates it every hour or so), so it is read again when it is a minute old, and at
once when the API says 401. A kubeconfig is read by the kubernetes package, which knows every form of authentication.
It is imported here, in a thread, by the first request, because that takes its time and tens of megabytes. Exec plugins
are run by it, in a thread too, before each request whose token has run out.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import trio

from noderouter.kubernetes.access import Access, InCluster, Kubeconfig, Plain
from noderouter.kubernetes.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect to."""

    url: str
    tls: ssl.SSLContext | None = None
    """None for plain HTTP."""
    proxy: str | None = None
    server_name: str | None = None
    """The name that its certificate must have, where that is not the one in `url`."""


class Credentials:
    """One identity: call `endpoint` first, then `headers` for each request."""

    async def endpoint(self) -> Endpoint:
        """Read the files and return where to connect to.

        Raises:
            ApiError: something that is needed is missing or wrong.
        """
        raise NotImplementedError

    async def headers(self, *, anew: bool = False) -> "Mapping[str, str]":
        """Return the header fields of authentication; `anew` after a 401.

        Raises:
            ApiError: they cannot be had.
        """
        raise NotImplementedError


def context_of(trust: str | None, shown: str | None = None, key: str | None = None) -> ssl.SSLContext:
    """Return what trusts the authorities of a file, or the system's, and shows a certificate where there is one.

    Raises:
        ApiError: a file cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=trust)
    except (OSError, ssl.SSLError) as error:
        raise ApiError(f"the CA cannot be used: {trust}: {error}") from error
    if shown is not None:
        try:
            # A key that wants a passphrase is refused: nobody is asked for one.
            context.load_cert_chain(shown, key, password="")
        except (OSError, ssl.SSLError) as error:
            raise ApiError(f"the certificate cannot be used: {shown}: {error}") from error
    return context


class NoCredentials(Credentials):
    """HTTP to who wants no credentials that are his own: a proxy that has some, another interface."""

    def __init__(self, access: Plain) -> None:
        self._access = access

    async def endpoint(self) -> Endpoint:
        """See `Credentials`."""
        access = self._access
        return Endpoint(str(access), context_of(access.trust, access.shown, access.key) if access.tls else None)

    async def headers(self, *, anew: bool = False) -> "Mapping[str, str]":
        """Return none."""
        return {}


class ServiceAccount(Credentials):
    """The service account that the kubelet has mounted."""

    def __init__(self, access: InCluster) -> None:
        self._access = access
        self._token = ""
        self._read_at = 0.0

    async def endpoint(self) -> Endpoint:
        """See `Credentials`."""
        path = f"{self._access.account}/ca.crt"
        try:
            tls = ssl.create_default_context(cafile=path)
        except (OSError, ssl.SSLError) as error:
            raise ApiError(f"the CA of the service account cannot be used: {path}: {error}") from error
        return Endpoint(str(self._access), tls)

    async def headers(self, *, anew: bool = False) -> "Mapping[str, str]":
        """Return the token, at most a minute old; one that cannot be read again is used on."""
        if anew or not self._token or monotonic() - self._read_at > TOKEN_SECONDS:
            path = Path(self._access.account) / "token"
            try:
                self._token = path.read_text("ascii").strip() or self._token
            except (OSError, UnicodeDecodeError) as error:
                if not self._token:
                    raise ApiError(f"the token of the service account cannot be read: {path}: {error}") from error
            self._read_at = monotonic()
        if not self._token:
            raise ApiError(f"the token of the service account is empty: {self._access.account}/token")
        return {"authorization": f"Bearer {self._token}"}


class FromKubeconfig(Credentials):
    """The credentials of a kubeconfig."""

    def __init__(self, access: Kubeconfig) -> None:
        self._access = access
        self._configuration: Any = None
        self._lock = trio.Lock()

    async def endpoint(self) -> Endpoint:
        """See `Credentials`. Reads the file anew each time."""
        async with self._lock:
            self._configuration = await trio.to_thread.run_sync(self._load)
            return await trio.to_thread.run_sync(self._endpoint)

    async def headers(self, *, anew: bool = False) -> "Mapping[str, str]":
        """Return the token or password; may run a plugin, which may take seconds."""
        async with self._lock:
            if self._configuration is None or anew:
                self._configuration = await trio.to_thread.run_sync(self._load)
            if self._configuration.refresh_api_key_hook is None:
                return self._fields()
            return await trio.to_thread.run_sync(self._fields)

    def _load(self) -> Any:
        from kubernetes.client import Configuration
        from kubernetes.config import load_kube_config

        configuration = Configuration()
        try:
            load_kube_config(  # type: ignore[no-untyped-call]
                config_file=self._access.path,
                context=self._access.context,
                client_configuration=configuration,
                persist_config=False,
            )
        except Exception as error:  # the package raises whatever its parsers and plugins raise
            raise ApiError(f"{self._access} cannot be used: {error}") from error
        return configuration

    def _endpoint(self) -> Endpoint:
        configuration = self._configuration
        url = str(configuration.host).rstrip("/")
        proxy = getattr(configuration, "proxy", None)
        if not url.startswith("https:"):
            return Endpoint(url, None, proxy)
        server_name = getattr(configuration, "tls_server_name", None) or None
        try:
            tls = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
            if not configuration.verify_ssl:
                tls.check_hostname = False
                tls.verify_mode = ssl.CERT_NONE
            if configuration.cert_file:
                tls.load_cert_chain(configuration.cert_file, configuration.key_file)
        except (OSError, ssl.SSLError) as error:
            raise ApiError(f"{self._access}: its certificates cannot be used: {error}") from error
        return Endpoint(url, tls, proxy, server_name)

    def _fields(self) -> dict[str, str]:
        try:
            settings = self._configuration.auth_settings()
        except Exception as error:  # whatever a plugin raises
            raise ApiError(f"{self._access}: no credentials: {error}") from error
        fields = {}
        for setting in settings.values():
            if setting.get("in") == "header" and setting.get("value"):
                fields[str(setting["key"]).lower()] = str(setting["value"])
        return fields


def credentials(access: Access) -> Credentials:
    """Return the credentials for an `Access`."""
    match access:
        case Plain():
            return NoCredentials(access)
        case InCluster():
            return ServiceAccount(access)
        case Kubeconfig():
            return FromKubeconfig(access)
