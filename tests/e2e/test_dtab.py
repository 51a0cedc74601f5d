"""Names through the whole router: dtab, namers, transformers (docs/linkerd1.md sections 1 and 3)."""

from collections import Counter

import pytest

from tests.testing.backend import backend, backends
from tests.testing.router import ON_LOOPBACK, config, fs, inet, replace, routing


async def test_a_host_is_routed_by_the_dtab():
    async with backend() as hello, routing(config(f"/svc/hello => {inet(hello.port)}")) as router:
        answer = await router.ask("hello")
        assert (answer.status, answer.text) == (200, "hello")
        assert hello.got[0]["host"] == "hello"
        assert (await router.ask("other")).status == 502


async def test_later_entries_win_and_earlier_ones_are_the_fallback_on_neg(tmp_path):
    async with backends("old", "new") as (old, new):
        dtab = f"/svc => {inet(old.port)} ; /svc => /#/io.l5d.fs"
        async with routing(config(dtab, namers=[fs(tmp_path)])) as router:
            assert (await router.ask("hello")).text == "old"  # there is no file: tree Neg
            replace(tmp_path / "hello", new.address)
            await router.answers("new")
            (tmp_path / "hello").unlink()
            await router.answers("old")


@pytest.mark.parametrize("content", ["", "# nobody\n", "unknown.invalid 80\n"])
async def test_an_empty_or_negative_address_does_not_fall_back(tmp_path, content):
    (tmp_path / "hello").write_text(content)
    async with backend("old") as old:
        dtab = f"/svc => {inet(old.port)} ; /svc => /#/io.l5d.fs"
        async with routing(config(dtab, namers=[fs(tmp_path)], bindingTimeoutMs=5000)) as router:
            answer = await router.ask("hello")
            assert answer.status == 502
            assert answer.text.startswith("Unable to route request!\n\nservice name: /svc/hello\n")
            assert old.got == []


async def test_an_unresolvable_host_does_not_fall_back():
    async with backend("old") as old:
        dtab = f"/svc => {inet(old.port)} ; /svc => /$/io.buoyant.rinet/80/no-such-host.invalid"
        async with routing(config(dtab)) as router:
            assert (await router.ask("hello")).status == 502
            assert old.got == []


@pytest.mark.parametrize(
    ("dst", "status"),
    [("{a} | {b}", 200), ("~ | {a}", 200), ("! | {a}", 502), ("$ | {a}", 502), ("/$/nil | {a}", 502), ("~", 502)],
)
async def test_alternatives(dst, status):
    async with backends("a", "b") as (a, b):
        dtab = f"/svc => {dst.format(a=inet(a.port), b=inet(b.port))}"
        async with routing(config(dtab)) as router:
            answer = await router.ask()
            assert answer.status == status
            assert len(a.got) == (status == 200)
            assert b.got == []


async def test_a_union_splits_by_weight():
    async with backends("a", "b", "never") as (a, b, never):
        dtab = f"/svc => 7 * {inet(a.port)} & 3 * {inet(b.port)} & 0 * {inet(never.port)}"
        async with routing(config(dtab)) as router:
            http = await router.connect()
            seen = Counter([(await http.ask()).text for _ in range(400)])
            assert 220 < seen["a"] < 340  # five standard deviations around 280
            assert seen["a"] + seen["b"] == 400
            assert never.got == []
            await http.close()


async def test_a_dead_branch_of_a_union_is_not_replaced_by_another():
    async with backend("a") as a, routing(config(f"/svc => {inet(a.port)} & /$/nil")) as router:
        http = await router.connect()
        statuses = Counter([(await http.ask()).status for _ in range(100)])
        assert 20 < statuses[200] < 80
        assert statuses[502] == 100 - statuses[200]
        await http.close()


async def test_weights_in_an_address_file(tmp_path):
    async with backends("a", "b") as (a, b):
        (tmp_path / "hello").write_text(f"127.0.0.1 {a.port} * 3\n127.0.0.1 {b.port} * 1\n")
        async with routing(config("/svc => /#/io.l5d.fs", namers=[fs(tmp_path)])) as router:
            http = await router.connect()
            seen = Counter([(await http.ask()).text for _ in range(400)])
            assert 250 < seen["a"] < 350
            await http.close()


async def test_the_residual_is_told_and_the_url_left_alone():
    async with backend() as service:
        configuration = config(f"/svc => {inet(service.port)}", identifier={"kind": "io.l5d.path", "segments": 2})
        async with routing(configuration) as router:
            await router.ask("x", "/one/two/three")
            got = service.got[0]
            assert got["l5d-dst-service"] == "/svc/one/two"
            assert got["l5d-dst-client"] == inet(service.port)
            assert got["l5d-dst-residual"] == "/one/two"
            assert got.target == "/one/two/three"


async def test_inet_with_the_port_only_is_the_loopback():
    async with backend() as service, routing(config(f"/svc => /$/inet/{service.port}")) as router:
        assert (await router.ask()).status == 200
        assert service.got[0]["l5d-dst-client"] == f"/$/inet/{service.port}"


async def test_rinet_and_localhost():
    async with backend() as service:
        dtab = f"/svc => /$/io.buoyant.rinet/{service.port}"
        async with routing(config(dtab, **ON_LOOPBACK)) as router:
            assert (await router.ask("localhost")).status == 200
            assert (await router.ask("127.0.0.1")).status == 200


async def test_rewriting_namers_chain():
    async with backend() as service:
        dtab = f"""
            /ph        => /$/io.buoyant.rinet ;     # the last resort: a port and a host
            /svc       => /$/io.buoyant.porthostPfx/ph ;
            /host/ns1/foo => {inet(service.port)} ;
            /svc       => /$/io.buoyant.http.domainToPathPfx/host ;
        """
        async with routing(config(dtab, **ON_LOOPBACK)) as router:
            assert (await router.ask("foo.ns1")).status == 200
            assert service.got[0]["l5d-dst-client"] == inet(service.port)
            assert (await router.ask(f"127.0.0.1:{service.port}")).status == 200
            assert service.got[1]["l5d-dst-client"] == f"/$/io.buoyant.rinet/{service.port}/127.0.0.1"


@pytest.mark.parametrize(
    ("host", "path", "dtab"),
    [
        ("a.b", "/x", "/p => {to} ; /svc => /$/io.buoyant.http.anyHostPfx/p"),
        ("foo.buoyant.io", "/x", "/io/buoyant/foo => {to} ; /svc => /$/io.buoyant.http.domainToPath"),
        ("web.acme.co", "/x", "/s/web => {to} ; /svc => /$/io.buoyant.http.subdomainOfPfx/acme.co/s"),
        ("a:80", "/x", "/h/a/80 => {to} ; /svc => /$/io.buoyant.hostportPfx/h"),
    ],
)
async def test_each_rewriting_namer(host, path, dtab):
    async with backend() as service, routing(config(dtab.format(to=inet(service.port)))) as router:
        assert (await router.ask(host, path)).status == 200


async def test_rewrite_namer_drops_what_is_left_over():
    async with backend() as service:
        namer = {
            "kind": "io.l5d.rewrite",
            "prefix": "/rw",
            "pattern": "/{port}/{host}",
            "name": "/$/io.buoyant.rinet/{port}/{host}",
        }
        dtab = f"/svc => /#/rw/{service.port}"
        configuration = config(dtab, **ON_LOOPBACK, namers=[namer], identifier={"kind": "io.l5d.path", "segments": 2})
        async with routing(configuration) as router:
            assert (await router.ask("x", "/127.0.0.1/more")).status == 200
            assert service.got[0]["l5d-dst-client"] == f"/$/io.buoyant.rinet/{service.port}/127.0.0.1"
            assert service.got[0]["l5d-dst-residual"] is None


async def test_recursion_ends_with_a_clear_error():
    async with routing(config("/svc => /svc")) as router:
        answer = await router.ask()
        assert answer.status == 502
        assert "Max recursion level: 100 reached in Namer lookup" in answer.text


async def test_an_unknown_class_is_an_error_with_its_name():
    async with routing(config("/svc => /$/com.example.Unknown")) as router:
        answer = await router.ask()
        assert answer.status == 502
        assert answer.text == "Unknown namer: com.example.Unknown for path: /$/com.example.Unknown/hello"


@pytest.mark.parametrize("status", [200, 204, 404, 503])
async def test_the_status_namer_answers_by_itself(status):
    async with routing(config(f"/svc => /$/io.buoyant.http.status/{status}")) as router:
        http = await router.connect()
        for _ in range(2):
            assert (await http.ask()).status == status
        await http.close()


async def test_transformers_of_an_interpreter():
    async with backends("a", "b") as (a, b):
        interpreter = {"kind": "default", "transformers": [{"kind": "io.l5d.port", "port": b.port}]}
        async with routing(config(f"/svc => {inet(a.port)}", interpreter=interpreter)) as router:
            assert (await router.ask()).text == "b"
            assert b.got[0]["l5d-dst-client"] == f"/%/io.l5d.port/{b.port}{inet(a.port)}"


async def test_transformers_of_a_namer(tmp_path):
    (tmp_path / "hello").write_text("10.255.255.1 1\n")
    async with backends("a") as (a,):
        (tmp_path / "web").write_text(a.address + "10.255.255.1 1\n")
        namer = fs(tmp_path, transformers=[{"kind": "io.l5d.specificHost", "host": "127.0.0.1"}])
        dtab = f"/svc => {inet(1)} ; /svc => /#/io.l5d.fs"
        async with routing(config(dtab, namers=[namer])) as router:
            for _ in range(10):
                assert (await router.ask("web")).text == "a"
            assert a.got[0]["l5d-dst-client"] == "/%/io.l5d.specificHost/127.0.0.1/#/io.l5d.fs/web"
            # Every address filtered away is a negative *address*: no fallback to the entry before.
            answer = await router.ask("hello")
            assert answer.status == 502
            assert answer.text.startswith("Unable to route request!")


async def test_transformers_that_substitute():
    async with backends("a", "b") as (a, b):
        replacing = {"kind": "default", "transformers": [{"kind": "io.l5d.replace", "path": inet(b.port)}]}
        async with routing(config(f"/svc/known => {inet(a.port)}", interpreter=replacing)) as router:
            assert (await router.ask("known")).text == "b"
            assert (await router.ask("unknown")).status == 502  # replace leaves Neg alone
        const = {"kind": "default", "transformers": [{"kind": "io.l5d.const", "path": inet(b.port)}]}
        async with routing(config("/x => /y", interpreter=const)) as router:
            assert (await router.ask("unknown")).text == "b"


async def test_localhost_transformer_keeps_local_addresses():
    async with backend() as service:
        interpreter = {"kind": "default", "transformers": [{"kind": "io.l5d.localhost"}]}
        dtab = f"/svc/here => {inet(service.port)} ; /svc/there => /$/inet/192.0.2.1/80"
        async with routing(config(dtab, interpreter=interpreter)) as router:
            assert (await router.ask("here")).status == 200
            assert (await router.ask("there")).status == 502


async def test_a_zero_endpoint_service_fails_at_once(tmp_path):
    (tmp_path / "hello").write_text("")
    async with routing(config("/svc => /#/io.l5d.fs", namers=[fs(tmp_path)])) as router:
        assert (await router.ask("hello", seconds=0.5)).status == 502


async def test_ipv6_on_both_sides():
    async with backend() as service:
        dtab = f"/svc => {inet(service.port)}"
        try:
            running = routing(config(dtab, label="second", servers=[{"port": 0, "ip": "::1"}]))
            second = await running.__aenter__()
        except BaseExceptionGroup:
            pytest.skip("this machine has no IPv6")
        async with routing(config(f"/svc => /$/inet/::1/{second.port}")) as first:
            assert (await first.ask()).text == "hello"
            assert service.got[0]["via"] == "1.1 linkerd, 1.1 linkerd"
        await running.__aexit__(None, None, None)
