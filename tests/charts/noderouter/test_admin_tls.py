"""`admin.tls` of the chart: what of a release says https, and what goes on as without."""

from pathlib import Path

import pytest
import yaml

from noderouter.commands.look.nodes import SCHEME
from tests.charts.helm import Helm, HelmError, Object, one, router_keys, staying
from tests.charts.noderouter.test_helm_test import run
from tests.charts.values_table import PAGE
from tests.testing.router import config, routing
from tests.testing.tls import leaf, server_keys, stranger

TLS: Object = {"secretName": "keys"}
CLIENTS: Object = TLS | {"clientCa": {"secretName": "operators", "key": "authorities.pem"}}
OPEN: Object = {"ip": "0.0.0.0"}


def pod_of(objects: list[Object]) -> Object:
    template: Object = one(staying(objects), "DaemonSet")["spec"]["template"]
    return template


def test_the_secret_is_mounted_where_the_configuration_looks_for_it(helm: Helm):
    objects = helm.objects({"admin": {"tls": CLIENTS}})
    keys = router_keys(objects)["admin"]["tls"]
    pod = pod_of(objects)["spec"]
    (mount,) = [each for each in pod["containers"][0]["volumeMounts"] if each["name"] == "admin-tls"]
    (volume,) = [each for each in pod["volumes"] if each["name"] == "admin-tls"]
    paths = {
        f"{mount['mountPath']}/{item['path']}": (source["secret"]["name"], item["key"])
        for source in volume["projected"]["sources"]
        for item in source["secret"]["items"]
    }
    assert {name: paths[path] for name, path in keys.items() if name != "requireClientAuth"} == {
        "certPath": ("keys", "tls.crt"),
        "keyPath": ("keys", "tls.key"),
        "caCertPath": ("operators", "authorities.pem"),
    }
    assert keys["requireClientAuth"] is True


def test_without_an_authority_clients_show_nothing(helm: Helm):
    objects = helm.objects({"admin": {"tls": TLS}})
    assert set(router_keys(objects)["admin"]["tls"]) == {"certPath", "keyPath"}


@pytest.mark.parametrize("tls", [TLS, CLIENTS])
def test_probes_and_metrics_are_as_without(helm: Helm, tls: Object):
    values: Object = {"metrics": {"podMonitor": {"enabled": True}, "serviceMonitor": {"enabled": True}}}
    plain = helm.objects(values | {"admin": OPEN})
    objects = helm.objects(values | {"admin": OPEN | {"tls": tls}})
    for kind in ("PodMonitor", "ServiceMonitor"):
        assert one(objects, kind) == one(plain, kind)
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert pod_of(objects)["spec"]["containers"][0][probe] == pod_of(plain)["spec"]["containers"][0][probe]


def test_what_leads_to_the_port_says_https(helm: Helm):
    probe = {"livenessProbe": {"httpGet": {"path": "/livez", "port": "admin"}}}
    for scheme, tls in (("https", TLS), (None, {})):
        objects = helm.objects({"admin": OPEN | {"tls": tls}} | probe)
        service = one(objects, "Service", "noderouter-metrics")
        ports = {port["name"]: port.get("appProtocol") for port in service["spec"]["ports"]}
        assert ports == {"probes": None, "admin": scheme}
        assert pod_of(objects)["metadata"]["annotations"].get(SCHEME) == scheme
        asked = pod_of(objects)["spec"]["containers"][0]["livenessProbe"]["httpGet"]
        assert asked.get("scheme") == (scheme and scheme.upper())


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"admin": {"tls": {"clientCa": {"secretName": "a"}}}}, "no effect without admin.tls.secretName"),
        (
            {"admin": OPEN | {"tls": CLIENTS}, "readinessProbe": {"httpGet": {"port": 9990}}},
            r"the kubelet shows no certificate .* have the probe ask the port `probes`",
        ),
        ({"admin": {"tls": {"secret": "a"}}}, "secret"),
        ({"admin": {"tls": {"secretName": "A"}}}, "/admin/tls/secretName"),
        ({"admin": {"tls": {"clientCa": {"key": ""}}}}, "/admin/tls/clientCa/key"),
    ],
)
def test_what_cannot_be_meant_is_refused(helm: Helm, values: Object, words: str):
    with pytest.raises(HelmError, match=words):
        helm.objects(values)


@pytest.mark.parametrize(("tls", "asked"), [(TLS, True), (CLIENTS, False)])
def test_the_test_of_a_release_asks_by_https_where_it_needs_no_certificate(helm: Helm, tls: Object, asked: bool):
    test = one(helm.objects({"admin": OPEN | {"tls": tls}}), "Pod")["spec"]
    [container] = test["containers"]
    env = {entry["name"]: entry["value"] for entry in container["env"]}
    url = "noderouter-metrics.noderouter.svc"
    assert env["PROBES_URL"] == f"http://{url}:9991"
    assert env["ADMIN_URL"] == (f"https://{url}:9990" if asked else "")
    if asked:
        [volume] = test["volumes"]
        [mount] = container["volumeMounts"]
        assert volume["secret"] == {"secretName": "keys", "items": [{"key": "tls.crt", "path": "tls.crt"}]}
        assert env["ADMIN_CERTIFICATE"] == f"{mount['mountPath']}/tls.crt"
    else:
        assert "ADMIN_CERTIFICATE" not in env
        assert "volumes" not in test


async def test_that_test_believes_one_certificate_and_no_other_of_its_authority(tmp_path: Path):
    dtab = tmp_path / "dtab"
    dtab.write_text("/svc => /$/nil")
    admin = {"probes": {"ip": "127.0.0.1", "port": 0}, "tls": server_keys(tmp_path, leaf("somebody.test"))}
    other = tmp_path / "other"
    other.mkdir()
    interpreter = {"kind": "io.l5d.fs", "dtabFile": str(dtab)}
    async with routing(config(interpreter=interpreter, admin=admin)) as router:
        probes = f"http://127.0.0.1:{router.app._probes[0].getsockname()[1]}"
        url = {"PROBES_URL": probes, "ADMIN_URL": f"https://127.0.0.1:{router.admin_port}"}
        asks = url | {"ROUTER": "out", "NAME": "/svc/hello"}
        status, said = await run(1, **asks, ADMIN_CERTIFICATE=str(tmp_path / "tls.crt"))
        assert (status, "/svc/hello is delegate" in said) == (0, True), said
        for another in (leaf("somebody.test", days=2), leaf("somebody.test", ca=stranger)):
            keys = server_keys(other, another)
            status, said = await run(1, **asks, ADMIN_CERTIFICATE=str(keys["certPath"]))
            assert (status, "CERTIFICATE_VERIFY_FAILED" in said) == (1, True), said


def test_the_values_on_the_page_are_a_whole(helm: Helm):
    """What docs/chart.md shows renders, with a certificate for every name that the port is asked under."""
    section = PAGE.read_text().partition("### TLS and a token for the admin interface")[2]
    values = yaml.safe_load(section.partition("```yaml\n")[2].partition("```")[0])
    objects = helm.objects(values)
    certificate = one(objects, "Certificate")["spec"]
    assert certificate["secretName"] == values["admin"]["tls"]["secretName"]
    asked = one(objects, "Pod")["spec"]["containers"][0]["env"]
    (url,) = [each["value"] for each in asked if each["name"] == "ADMIN_URL"]
    assert {"localhost", url.removeprefix("https://").partition(":")[0]} <= set(certificate["dnsNames"])
