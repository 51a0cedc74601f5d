"""What is open on the admin interface, and that looking changes nothing: over sockets, of a whole router.

| what is promised | where it is shown |
| --- | --- |
| lists of paths, groups that are switched off | here, and `tests/noderouter/admin/test_security.py` |
| nothing changes by GET, nor by a POST that only asks | here |
| probes and metrics at an address of their own | here, and `tests/noderouter/admin/test_strangers.py` |
| hosts, pages of other sites | `test_admin.py`, `tests/noderouter/admin/test_app.py` |
| the description, and that all of it is so | `test_openapi.py`, `tests/noderouter/admin/openapi/test_document.py` |
| what strangers make up is text | `test_attack_strings.py` |
"""

import json

from noderouter.telemetry import log
from tests.testing.backend import backend
from tests.testing.http import Http, ask, connect
from tests.testing.origin import client
from tests.testing.router import config, inet, routing

PROBES = {"probes": {"ip": "127.0.0.2", "port": 0}}
CHANGING = (
    "logger=root&level=OFF&router=out&namespace=out&path=/svc/hello&dtab=/svc=>/$/nil&name=/svc/hello&n=1&seconds=0"
)


async def described(router):
    """What is open: methods in upper case, by path."""
    answer = await router.admin("/openapi.json")
    return {path: {each.upper() for each in methods} for path, methods in json.loads(answer.text)["paths"].items()}


async def statuses(host, port, paths, method="GET"):
    """What each path answers there."""
    http, found = Http(await client(port, host)), {}
    for path in paths:
        found[path] = (await http.ask("127.0.0.1", path, method=method)).status
    await http.close()
    return found


async def test_groups_and_lists_decide_what_is_there_on_each_address():
    async with routing(config()) as router:
        everything = [*await described(router), "/admin/shutdown"]
    closed = {"uiEnabled": False, "diagnosticsEnabled": False, "controlEnabled": False}
    lists = {"pathWhitelist": ["/admin/pi.*", "/logging[.]json"], "pathBlacklist": ["/livez", "/logging[.]js.*"]}
    async with routing(config(admin=PROBES | {"security": closed | lists})) as router:
        found = await statuses("127.0.0.1", router.admin_port, everything)
        assert {path: status for path, status in found.items() if status != 404} == dict.fromkeys(
            ("/admin/ping", "/readyz", "/healthz"), 200
        )
        for path in ("/admin/shutdown", "/logging.json?logger=root&level=OFF", "/whatif", "/names"):
            assert (await router.admin(path, "POST")).status == 404
        for spelled in ("/livez", "/%6civez", "//livez", "/livez/", "/./livez", "/admin/../livez", "/LIVEZ"):
            assert (await router.admin(spelled)).status == 404, spelled
        probes, port = router.app._probes[0].getsockname()
        assert probes == "127.0.0.2"
        found = await statuses(probes, port, everything)
        assert {path for path, status in found.items() if status == 200} == {
            *("/admin/ping", "/readyz", "/healthz", "/metrics", "/admin/metrics/prometheus"),
        }
        assert set(found.values()) == {200, 404}
        assert not router.app.stopping.is_set()


async def test_control_alone_can_be_switched_off():
    async with routing(config(admin={"security": {"controlEnabled": False}})) as router:
        assert {"/admin/shutdown", "/logging.json"}.isdisjoint(await described(router))
        for path in ("/admin/shutdown", "/logging.json?logger=root&level=OFF"):
            for method in ("GET", "POST", "PUT"):
                assert (await router.admin(path, method)).status == 404
        page = await router.admin("/logging", fields=[("Accept", "text/html")])
        assert page.status == 200
        assert "<select" not in page.text
        assert "POST" not in page.text
        assert not router.app.stopping.is_set()


async def test_nothing_changes_by_looking_nor_by_asking():
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:
        await router.ask()

        async def kept():
            levels = {name: log.levels.of(name) for name in log.levels.known()}
            shown = [
                (await router.admin(path)).text for path in ("/config.json", "/client_state.json", "/admin/stacks")
            ]
            where = json.loads((await router.admin("/delegator.json?namespace=out&path=/svc/hello&dtab=")).text)
            return levels, shown, where, router.app.stopping.is_set(), len(router.app.control.tap)

        before, open_ = await kept(), await described(router)
        assert open_["/admin/shutdown"] == {"POST"}
        http = await connect(router.admin_port)
        for path, methods in open_.items():
            for method in ("GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"):
                answer = await http.ask("127.0.0.1", f"{path}?{CHANGING}", method=method)
                allowed = "GET" in methods and method in ("GET", "HEAD")
                assert (answer.status == 405) is not allowed, (method, path)
            if "POST" in methods and path not in ("/admin/shutdown", "/logging.json"):
                for media_type in ("application/x-www-form-urlencoded", "application/json", "text/plain"):
                    fields = [("Content-Type", media_type)]
                    body = b'{"router": "out", "namespace": "out", "path": "/svc/hello", "dtab": "/svc => /$/nil"}'
                    body = body if media_type == "application/json" else CHANGING.encode()
                    await http.ask("127.0.0.1", path, method="POST", fields=fields, body=body)
        await http.close()
        assert await kept() == before
        assert (await router.ask()).text == "hello"
        assert (await ask(router.admin_port, "localhost", "/admin/shutdown", method="POST")).status == 200
        assert router.app.stopping.is_set()
