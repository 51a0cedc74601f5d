"""The tour: five things the router does, each as the command that shows it and what came back; and a little load."""

import http.client
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

from noderouter.app import App
from noderouter.commands.demo.stage import REROUTED, Stage
from noderouter.config.validate import load
from noderouter.line_queue import take_standard_error
from noderouter.run import run_config
from noderouter.schema.problem import ConfigError
from noderouter.telemetry import log

PAUSE = 0.1
"""Seconds between two requests of the load."""

Say = Callable[[str], None]


class Load:
    """A few requests each second to two services, so that there is something to see; one instance of `cart` fails."""

    def __init__(self, port: int) -> None:
        self._port = port

    def run(self) -> None:
        """Go on until the process ends."""
        while True:
            for method, host in (("POST", "cart"), ("GET", "price"), ("POST", "cart")):
                try:
                    connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
                    connection.request(method, f"/v1/{host}/items", headers={"Host": host})
                    connection.getresponse().read()
                    connection.close()
                except (OSError, http.client.HTTPException):
                    pass  # the router is ending, or not there yet
                sleep(PAUSE)


class Tour:
    """Walks through the steps against a running router."""

    def __init__(self, stage: Stage, say: Say) -> None:
        self._stage = stage
        self._say = say

    def run(self) -> None:
        """Show all five steps; the router goes on afterwards."""
        base = f"http://127.0.0.1:{self._stage.port}"
        self._say("\n1. The Host header names a service; the dtab says where it is.")
        self._show(f"curl -H 'Host: hello' {base}/", {"Host": "hello"})
        self._show(f"curl -H 'Host: world' {base}/", {"Host": "world"})
        self._say("\n2. Edit the dtab: /svc/hello goes to world, without a restart.")
        self._say(f"   $ cat > {self._stage.dtab}   # now reads:")
        self._say("".join(f"       {line}\n" for line in REROUTED.splitlines()).rstrip("\n"))
        self._stage.write_dtab(REROUTED)
        self._wait(lambda: self._get({"Host": "hello"}).startswith("world"))
        self._show(f"curl -H 'Host: hello' {base}/", {"Host": "hello"})
        self._say("\n3. One request only: an override in a header, which travels with the request.")
        override = "/svc/hello => /#/io.l5d.fs/hello"
        self._show(f"curl -H 'Host: hello' -H 'l5d-dtab: {override}' {base}/", {"Host": "hello", "l5d-dtab": override})
        self._say("\n4. Kill one of the two instances of hello: no request fails.")
        victim = self._stage.instances["hello-1"]
        self._say(f"   $ kill -9 {victim.pid}   # hello-1")
        victim.kill()
        victim.wait()
        answers = [self._get({"Host": "hello", "l5d-dtab": override}) for _ in range(50)]
        good = sum(answer.startswith("hello-2") for answer in answers)
        self._say(f"   50 requests: {good} answered by hello-2, {50 - good} failed")
        self._say("\n5. Look inside. A little load runs, and within ten seconds the dashboard says why cart fails.")
        admin = f"http://127.0.0.1:{self._stage.admin_port}"
        self._say(f"   $ curl {admin}/          # or the same address in a browser")
        self._say(f"   $ curl '{admin}/service?name=/svc/cart'")
        self._say(f"   $ curl '{admin}/names?path=/svc/hello'")
        self._say(f"   $ curl '{admin}/delegator.json?namespace=demo&path=/svc/hello&dtab='")
        self._say(f"   $ curl '{admin}/admin/metrics.json?q=rt/demo/client'")
        self._say(f"   $ curl {admin}/client_state.json")
        self._say("\nThe router runs on; try the commands above. Ctrl-C ends it.\n")

    def _show(self, command: str, headers: dict[str, str]) -> None:
        self._say(f"   $ {command}")
        self._say(f"   {self._get(headers)}")

    def _get(self, headers: dict[str, str]) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self._stage.port, timeout=10)
        try:
            connection.request("GET", "/", headers=headers)
            return connection.getresponse().read().decode().strip()
        except (OSError, http.client.HTTPException) as error:
            return f"failed: {error}"
        finally:
            connection.close()

    @staticmethod
    def _wait(condition: Callable[[], bool]) -> None:
        """Wait until the edit has taken effect: some milliseconds."""
        deadline = monotonic() + 5
        while not condition() and monotonic() < deadline:
            sleep(0.01)


def run_demo(port: int, admin_port: int, directory: str | None) -> int:
    """Run the demo until it is interrupted; return the exit code."""
    take_standard_error(log.lost)
    log.configure("WARNING")
    with tempfile.TemporaryDirectory(prefix="noderouter-demo-") as fresh:
        place = Path(directory) if directory is not None else Path(fresh)
        with Stage(place, port, admin_port) as stage:
            try:
                config = load(str(stage.config))
            except ConfigError as error:
                print(error, file=sys.stderr)
                return 1

            def ready(app: App) -> None:
                print(f"noderouter listens on 127.0.0.1:{port}, its admin interface on 127.0.0.1:{admin_port}")
                print(f"configuration: {stage.config}\ndtab:          {stage.dtab}\naddresses:     {stage.disco}/")
                tour = Tour(stage, lambda text: print(text, flush=True))
                threading.Thread(target=tour.run, daemon=True, name="tour").start()
                threading.Thread(target=Load(port).run, daemon=True, name="load").start()

            return run_config(config, ready)
