"""Where the API is, as the configuration says, and the keys that say so.

host, port       plain HTTP to a `kubectl proxy` beside us, as Linkerd had it
kubeconfig       a kubeconfig file, with `context` or its current one; whatever authentication it holds
nothing at all   the service account of the pod, where there is one; else localhost:8001
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Self

from noderouter.schema.environment import EnvironmentMissing
from noderouter.schema.fields import FilePath
from noderouter.schema.kind import Field, Model, model_validator

DEFAULT_HOST: Final = "localhost"
DEFAULT_PORT: Final = 8001
ACCOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Where the kubelet mounts the token, the CA and the namespace of the pod."""

NODE_VARIABLE: Final = "NODE_NAME"
"""Of the environment: the name of the node, where no key says it."""

NodeName = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[0-9a-z]([0-9a-z.-]*[0-9a-z])?$")]
Host = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[0-9A-Za-z._:-]+$")]
ApiPort = Annotated[int, Field(ge=1, le=65535)]


@dataclass(frozen=True, slots=True)
class Plain:
    """HTTP to `host`:`port`, without credentials of ours; over TLS with `tls`, trusting `trust` or the system's CAs.

    There it shows the certificate in `shown`, if any, whose key is in `key` or in the same file.
    """

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    tls: bool = False
    trust: str | None = None
    """A file, as the next two are."""
    shown: str | None = None
    key: str | None = None

    def __str__(self) -> str:
        return f"http{'s' if self.tls else ''}://{bracketed(self.host)}:{self.port}"


@dataclass(frozen=True, slots=True)
class InCluster:
    """The API server of the cluster that this pod is in, with the pod's service account."""

    host: str
    port: int
    account: str = ACCOUNT

    def __str__(self) -> str:
        return f"https://{bracketed(self.host)}:{self.port}"


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """A kubeconfig file; `context` None is its current one."""

    path: str
    context: str | None = None

    def __str__(self) -> str:
        return f"kubeconfig {self.path}" + (f", context {self.context}" if self.context else "")


Access = Plain | InCluster | Kubeconfig


def access(host: str | None, port: int | None, kubeconfig: str | None, context: str | None) -> Access:
    """Return how the API server is reached, by the keys, on this machine and in this environment."""
    if kubeconfig is not None:
        return Kubeconfig(kubeconfig, context)
    if host is not None or port is not None:
        return Plain(host or DEFAULT_HOST, port or DEFAULT_PORT)
    service_host, service_port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    account = account_folder()
    if service_host and service_port and service_port.isdecimal() and os.path.isfile(f"{account}/token"):
        return InCluster(service_host, int(service_port), account)
    return Plain()


def one_way(host: str | None, port: int | None, kubeconfig: str | None, context: str | None) -> None:
    """Refuse keys that contradict each other.

    Raises:
        ValueError: they do.
    """
    if kubeconfig is not None and (host is not None or port is not None):
        raise ValueError("`kubeconfig` says where the API is; take its host and port out")
    if context is not None and kubeconfig is None:
        raise ValueError("`context` needs `kubeconfig`")


def account_folder() -> str:
    """Return where the service account is mounted; `NODEROUTER_SERVICE_ACCOUNT` sets another place."""
    return os.environ.get("NODEROUTER_SERVICE_ACCOUNT") or ACCOUNT


def own_namespace(variable: str) -> str | None:
    """Return the namespace of this pod: from the variable, else from the service account's mount; or None."""
    given = os.environ.get(variable)
    if given:
        return given
    try:
        return Path(account_folder(), "namespace").read_text("ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def node_name(said: str | None, key: str) -> str:
    """Return the name of this node: what a key says (`key` is its name, for people), else the environment.

    Raises:
        EnvironmentMissing: neither has it.
    """
    name = said or os.environ.get(NODE_VARIABLE)
    if not name:
        raise EnvironmentMissing(
            f"{NODE_VARIABLE} env variable must be set to the name of this node, or {key} be in the file"
        )
    return name


class ApiKeys(Model):
    """The keys of every kind that reads from the API."""

    host: Host | None = None
    port: ApiPort | None = None
    kubeconfig: FilePath | None = None
    context: str | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        """Refuse two ways to the API."""
        one_way(self.host, self.port, self.kubeconfig, self.context)
        return self

    @property
    def access(self) -> Access:
        """How the API server is reached."""
        return access(self.host, self.port, self.kubeconfig, self.context)


def of_people(kubeconfig: str | None, context: str | None) -> Access:
    """Return how a command reaches the API server: by a kubeconfig where kubectl finds one, else as a router does."""
    path = kubeconfig or os.environ.get("KUBECONFIG")
    if path is None and (usual := Path.home() / ".kube" / "config").is_file():
        path = str(usual)
    return access(None, None, path or None, context)


def bracketed(host: str) -> str:
    """Return a host as it is written in a URL."""
    return f"[{host}]" if ":" in host else host
