"""A real control plane on loopback: etcd, kube-apiserver and kube-controller-manager, with RBAC on.

Nothing of it is simulated. What is missing is a scheduler and nodes; `tests/cluster/node` plays those. Data, keys and
logs live in one folder and go with it. Everything is started and stopped within bounds, and an error has the end of the
log of the process that is to blame.
"""

import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import httpx

from tests.cluster import addresses, binaries
from tests.cluster.certificates import Authority, write_key, write_public_key
from tests.cluster.components import Files, api_server, controller_manager, etcd
from tests.cluster.kubeconfig import with_certificate, with_token, write_kubeconfig
from tests.cluster.lifetime import Lifetime
from tests.cluster.node import namespaces
from tests.cluster.process import Process
from tests.testing.ports import free_ports

READY_SECONDS = 150.0
"""How long a component may take to become ready; it takes a few, and this machine may be busy."""

COMMAND_SECONDS = 120.0
COMMANDS = ("kubectl", "helm", "etcd", "kube-apiserver", "kube-controller-manager")
TOKEN_SECONDS = 3600


class CommandFailed(Exception):
    """kubectl or helm ended with another status than 0.

    Attributes:
        status: the exit status.
        stderr: what it said.
    """

    def __init__(self, argv: Sequence[str], status: int, stderr: str, stdout: str = "") -> None:
        super().__init__(f"{' '.join(argv)} ended with status {status}\n{stderr}{stdout}")
        self.status = status
        self.stderr = stderr


class ControlPlane(Lifetime):
    """A control plane while inside its context.

    Attributes:
        url: where the API server listens, on loopback.
        ca_file: the authority that certified it.
        admin_kubeconfig: who may do everything.
        admin: the certificate of the same.
        server: the API server's own certificate.
        folder: logs (`*.log`), keys, data.
    """

    def __init__(
        self, network: Path | None = None, folder: Path | None = None, api_options: Sequence[str] = ()
    ) -> None:
        """On loopback of the machine, or, for real nodes, at the gateway of the network namespace `network`.

        `api_options` are more arguments of the API server.

        Raises:
            MissingCommand: not everything is built.
        """
        self._commands = {name: binaries.find(name) for name in COMMANDS}
        self.folder = folder or Path(tempfile.mkdtemp(prefix="cluster-"))
        self._network = network
        ports = free_ports(3)
        self.port = ports[0]
        self.url = f"https://{addresses.GATEWAY if network else '127.0.0.1'}:{self.port}"
        self.authority = Authority(self.folder)
        self._files = self._certify()
        self.ca_file = self._files.authority
        self.admin = self._files.admin
        self.server = self._files.server
        self.admin_kubeconfig = write_kubeconfig(
            self.folder / "admin.kubeconfig", self.url, self.ca_file, with_certificate(self._files.admin)
        )
        self._etcd = self._process("etcd", etcd(self._files, ports[1], ports[2]))
        self._api = self._process("kube-apiserver", [*api_server(self._files, self.port, ports[1]), *api_options])
        self._controllers = self._process(
            "kube-controller-manager", controller_manager(self._files, self.admin_kubeconfig)
        )

    def __repr__(self) -> str:
        return f"<ControlPlane {self.url} {self._api!r}>"

    def start(self) -> None:
        """See `Lifetime`."""
        self._etcd.start()
        self.start_api()
        self._controllers.start()
        self._controllers.wait(lambda: self._exists("/api/v1/namespaces/default/serviceaccounts/default"), 60)

    def close(self) -> None:
        """Stop everything and remove the folder; may be called again."""
        for process in (self._controllers, self._api, self._etcd):
            process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    # The API server's life

    def start_api(self) -> None:
        """Start the API server, at the port and with the data that it had, and wait until it is ready."""
        self._api.start()
        self._api.wait(self.ready, READY_SECONDS)

    def stop_api(self) -> None:
        """Kill the API server: connections are reset, new ones refused."""
        self._api.stop()

    def pause_api(self) -> None:
        """Have the API server keep every connection and answer nothing; the kernel still accepts."""
        self._api.pause()

    def resume_api(self) -> None:
        """Let it go on after `pause_api`."""
        self._api.resume()

    def restart_controllers(self) -> None:
        """Have the controllers look again now; after an outage they wait up to half a minute before they do."""
        self._controllers.stop()
        self._controllers.start()

    def ready(self) -> bool:
        """Whether the API server says so itself."""
        try:
            return self.request("GET", "/readyz").status_code == 200
        except httpx.TransportError:
            return False

    # Clients

    def request(self, method: str, path: str, json: Any = None, timeout: float = 10.0) -> httpx.Response:
        """Ask the API as administrator, on a connection of its own; blocks.

        Raises:
            httpx.TransportError: no answer.
        """
        place = namespaces.inside(self._network) if self._network else nullcontext()
        with place, httpx.Client(verify=self.ssl_context(), trust_env=False, timeout=timeout) as client:
            return client.request(method, self.url + path, json=json)

    def ssl_context(self) -> ssl.SSLContext:
        """TLS as the administrator."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        context.load_cert_chain(self._files.admin.certificate, self._files.admin.key)
        return context

    def token(self, namespace: str, service_account: str, seconds: int = TOKEN_SECONDS) -> str:
        """A token for a service account, from the TokenRequest API.

        Raises:
            LookupError: there is no such account.
        """
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{service_account}/token"
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"}
        answer = self.request("POST", path, {**body, "spec": {"expirationSeconds": seconds}})
        if answer.status_code != 201:
            raise LookupError(f"no token for {namespace}/{service_account}: {answer.text}")
        token: str = answer.json()["status"]["token"]
        return token

    def kubeconfig(self, namespace: str, service_account: str) -> Path:
        """A kubeconfig as that service account: what RBAC gives it and no more.

        Raises:
            LookupError: there is no such account.
        """
        path = self.folder / f"{namespace}.{service_account}.kubeconfig"
        user = with_token(self.token(namespace, service_account))
        return write_kubeconfig(path, self.url, self.ca_file, user, namespace)

    def kubectl(
        self,
        *args: str,
        input: str | None = None,
        kubeconfig: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> str:
        """Run kubectl and answer what it printed; `env` is for what kubectl reads there, such as KUBE_EDITOR.

        Raises:
            CommandFailed: another status than 0.
        """
        return self._run("kubectl", args, input, kubeconfig, env or {})

    def helm(self, *args: str, input: str | None = None, kubeconfig: Path | None = None) -> str:
        """Run helm and answer what it printed.

        Raises:
            CommandFailed: another status than 0.
        """
        return self._run("helm", args, input, kubeconfig, {})

    def popen(self, *args: str) -> "subprocess.Popen[str]":
        """Start kubectl with pipes: for what goes on until the caller ends it, such as port-forward."""
        argv = [*self.enter, str(self._commands["kubectl"]), *args]
        pipe = subprocess.PIPE
        return subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=self._env(None, {}))

    def _env(self, kubeconfig: Path | None, more: Mapping[str, str]) -> dict[str, str]:
        home = self.folder / "home"  # where both commands keep caches and settings
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(home),
            "KUBECACHEDIR": str(home / "kube"),
            "KUBECONFIG": str(kubeconfig or self.admin_kubeconfig),
            **binaries.GO_COMMAND,
            **more,
        }

    def _run(
        self, name: str, args: Sequence[str], input: str | None, kubeconfig: Path | None, more: Mapping[str, str]
    ) -> str:
        env = self._env(kubeconfig, more)
        argv = [*self.enter, str(self._commands[name]), *args]
        done = subprocess.run(argv, input=input, env=env, capture_output=True, text=True, timeout=COMMAND_SECONDS)
        if done.returncode != 0:
            raise CommandFailed([name, *args], done.returncode, done.stderr, done.stdout)
        return done.stdout

    # Parts

    def _process(self, name: str, args: Sequence[str]) -> Process:
        argv = [*self.enter, str(self._commands[name]), *args]
        env = {"HOME": str(self.folder), "PATH": "/usr/bin:/bin", **binaries.GO_SERVER}
        return Process(name, argv, self.folder / f"{name}.log", env=env)

    @property
    def enter(self) -> list[str]:
        """What comes before a command that is to reach the API server."""
        return ["nsenter", f"--net={self._network}"] if self._network else []

    def _certify(self) -> Files:
        authority = self.authority
        hosts = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"]
        hosts += [f"kubernetes.default.svc.{addresses.DOMAIN}"]
        hosts += ["127.0.0.1", "::1", addresses.API_CLUSTER_IP, addresses.GATEWAY]
        write_public_key(write_key(self.folder / "tokens.key"), self.folder / "tokens.pub")
        return Files(
            folder=self.folder,
            authority=authority.file,
            server=authority.server("kube-apiserver", hosts),
            admin=authority.client("admin", ["system:masters"]),
            kubelet=authority.client("kube-apiserver-kubelet-client", ["system:masters"]) if self._network else None,
        )

    def _exists(self, path: str) -> bool:
        return self.request("GET", path).status_code == 200
