"""A running router, through its admin interface: what it has in effect, what it is asked for, where names lead."""

import json
import ssl
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

from dtab import Dtab, ParseError, Path
from noderouter.commands.dtab_check.outcome import Outcome, outcome_of, tree_of
from noderouter.commands.dtab_check.whatif import WhatIf, what_if
from noderouter.naming.stored.key import Key

SECONDS: Final = 10.0
MAX_BYTES: Final = 64 * 1024 * 1024
KIND: Final = "io.l5d.k8s.configMap"
OTHER: Final = "other"
"""Where metrics count what is too much; not a name."""
_HINTS: Final = {
    401: " (it wants the token of its `admin.token`: --token-file)",
    404: " (is its group switched off by `admin.security`?)",
    413: " (it takes dtabs of up to 64 KB: leave --admin out)",
    421: " (ask by its address, or list the name in its `admin.hosts`)",
}
"""What may be done about a status."""


class AdminError(Exception):
    """The admin interface does not answer as one; the message has the request and the reason."""


class RunningRouter:
    """One router of a process, by its label, found by the ConfigMap that it reads."""

    def __init__(
        self,
        url: str,
        key: Key,
        label: str | None = None,
        *,
        fields: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Ask for the configuration, with header `fields`; `tls` is how TLS is spoken, if not as usual.

        Raises:
            AdminError: it cannot be had, or no router there reads this ConfigMap.
        """
        self._fields = dict(fields or {})
        # Never through a proxy: where a mesh is, `http_proxy` is the mesh.
        self._opener = build_opener(ProxyHandler({}), HTTPSHandler(context=tls))
        self._url = url.rstrip("/") if "://" in url else f"http://{url.rstrip('/')}"
        configuration = self._get("/config.json")
        self.key, self._config = self._find(configuration, key, label)
        self.label = str(self._config["label"])
        self.namers = [_namer(each) for each in configuration.get("namers", ())]
        try:
            self.own = Dtab.parse(self._config.get("dtab", ""))
        except ParseError as error:
            raise AdminError(f"{self._url}/config.json: the dtab of router {self.label}: {error}") from error

    def in_effect(self) -> Dtab:
        """Return the dtab that it has from the ConfigMap at the moment.

        Raises:
            AdminError: it has none yet, or does not show it.
        """
        path = f"/{quote(self.label)}/interpreter_state/{KIND.lower()}.json"
        value = self._get(path)["state"]["value"]
        if value is None:
            raise AdminError(f"router {self.label} has no dtab yet: {self._url}/readyz?verbose says why")
        return Dtab.parse(value)

    def names(self) -> list[Path]:
        """Return the names that it was asked for lately."""
        query = urlencode({"tree": "1", "q": f"rt/{self.label}/service"})
        try:
            found = self._get(f"/admin/metrics.json?{query}")
        except AdminError as error:
            if isinstance(error.__cause__, HTTPError) and error.__cause__.code == 404:
                return []  # nothing was asked yet
            raise
        return [Path.parse(f"/{name}") for name in found if name != OTHER]

    def whatif(self, dtab: Dtab) -> WhatIf | None:
        """Return what a stored dtab would do to the requests of the last ten minutes; None of a router too old to say.

        Raises:
            AdminError: it does not answer that.
        """
        asked = json.dumps({"router": self.label, "dtab": dtab.show()}).encode()
        try:
            answer = self._ask(Request(f"{self._url}/whatif", asked, {"content-type": "application/json"}), "/whatif")
        except AdminError as error:
            if isinstance(error.__cause__, HTTPError) and error.__cause__.code == 404:
                return None
            raise
        try:
            return what_if(answer)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise AdminError(f"{self._url}/whatif: {error!r}") from error

    def outcome(self, path: Path, dtab: Dtab) -> Outcome:
        """Return where a name leads with a stored dtab, this router's own behind it, and its namers.

        Raises:
            AdminError: it does not answer that.
        """
        asked = json.dumps({"path": path.show(), "dtab": (dtab + self.own).show()}).encode()
        answer = self._ask(
            Request(f"{self._url}/delegator.json", asked, {"content-type": "application/json"}), "/delegator.json"
        )
        try:
            return outcome_of(tree_of(answer))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise AdminError(f"{self._url}/delegator.json: {path.show()}: {error!r}") from error

    def _find(self, configuration: Any, key: Key, label: str | None) -> tuple[Key, dict[str, Any]]:
        routers: list[dict[str, Any]] = configuration.get("routers", [])
        for router in routers:
            interpreter = router.get("interpreter", {})
            if interpreter.get("kind") != KIND or label not in (None, router.get("label")):
                continue
            found = Key(interpreter.get("namespace", "default"), interpreter["name"], interpreter["filename"])
            if found == key or (not key.filename and str(found).startswith(f"{key}:")):
                return found, router
        one = f"router {label}" if label else "no router"
        raise AdminError(f"{self._url}: {one} {'does not read' if label else 'reads'} its dtab from {key}")

    def _get(self, path: str) -> Any:
        return self._ask(Request(self._url + path), path)

    def _ask(self, request: Request, path: str) -> Any:
        if request.type not in ("http", "https"):
            raise AdminError(f"{self._url}: the URL of an admin interface begins with http:// or https://")
        try:
            for name, value in self._fields.items():
                request.add_unredirected_header(name, value)
            with self._opener.open(request, timeout=SECONDS) as answer:
                return json.loads(answer.read(MAX_BYTES))
        except HTTPError as error:
            error.close()
            hint = _HINTS.get(error.code, "")
            raise AdminError(f"{self._url}{path}: {error.code} {error.reason}{hint}") from error
        except (URLError, OSError, HTTPException, ValueError) as error:
            raise AdminError(f"{self._url}{path}: {getattr(error, 'reason', error)}") from error


def _namer(configured: dict[str, Any]) -> Path:
    """Return the prefix of a namer: `/#/` and its own, or its kind."""
    return Path.of("#") + Path.parse(configured.get("prefix") or f"/{configured['kind']}")
