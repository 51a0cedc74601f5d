"""All spellings of a Service are one name, and no two Services have the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtab import Path, utility
from noderouter.naming.k8s_path import PathForm
from noderouter.naming.k8s_spelling import canonical, ports

DOMAIN = ("internal", "example")


def of(host: str, domain: tuple[str, ...] = DOMAIN, namespace: str = "") -> str | None:
    """The name of a host, by the way of the chart's table."""
    path = Path.of("svc", host, *([f"in:{namespace}"] if namespace else []))
    answer = utility.lookup(Path.of("$", "io.buoyant.http.domainToPathPfx") + path)
    leaves = list(answer.tree.leaves())
    found = canonical(leaves[0].labels[1:], domain) if leaves else None
    return None if found is None else Path(found).show()


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("web", "/default/web"),
        ("web:8080", "/default/web/8080"),
        ("WEB.Shop", "/shop/web"),
        ("web.shop.", "/shop/web"),
        ("web.shop.:80", "/shop/web/80"),
        ("web.shop:http", "/shop/web/http"),
        ("web.shop:", "/shop/web"),
        ("web.shop.svc", "/shop/web"),
        ("web.shop.svc.example.internal:8080", "/shop/web/8080"),
        ("db-0.db.shop", "/shop/db-0.db"),
        ("db-0.db.shop.SVC", "/shop/db-0.db"),
        ("db-0.db.shop.svc.example.internal.:5432", "/shop/db-0.db/5432"),
        ("web.svc", "/svc/web"),
        ("web.svc.svc", "/svc/web"),
    ],
)
def test_spellings(host, name):
    assert of(host) == name


IMPOSSIBLE = """
    10.1.2.3 10.1.2.3:80 web.shop.svc.cluster.local svc.example.internal shop.svc.example.internal a.b.c.d a.b.c.d.svc
    web_1.shop web..shop -web.shop web.shop:-x web.shop:123456 a:b.shop *.shop a.b.c.shop.svc.example.internal
"""


@pytest.mark.parametrize("host", IMPOSSIBLE.split())
def test_what_cannot_be_a_service(host):
    assert of(host) is None


def test_a_domain_that_is_not_known_is_no_domain():
    assert of("web.shop.svc.cluster.local", ()) is None
    assert of("web.shop.svc", ()) == "/shop/web"


def test_the_namespace_of_the_client():
    assert of("web", namespace="shop") == "/shop/web"
    assert of("Web:8080", namespace="shop") == "/shop/web/8080"
    assert of("web.prod", namespace="shop") == "/prod/web"
    assert of("db-0.db.prod.svc", namespace="shop") == "/prod/db-0.db"
    assert of("web", namespace="no_namespace") is None
    assert canonical((b"in:shop",)) == (b"default", b"in", b"shop")  # a host, whatever it looks like


LABEL = st.from_regex(r"[a-z]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)
DOMAINS = st.lists(LABEL, min_size=1, max_size=4).map(tuple)


@st.composite
def spelled(draw: st.DrawFn, service: str, namespace: str, domain: tuple[str, ...], port: str) -> str:
    """A host of that Service, which may be a pod of one, in any spelling."""
    full = ".".join(reversed(domain))
    tails = [f".{namespace}.svc", f".{namespace}.svc.{full}"]
    if namespace != "svc" or "." not in service:
        tails.append(f".{namespace}")
    host = service + draw(st.sampled_from(tails)) + draw(st.sampled_from(["", "."]))
    if draw(st.booleans()):
        host = host.swapcase()
    return host + (f":{port}" if port else "")


@given(st.data(), LABEL, LABEL, st.none() | LABEL, DOMAINS, st.sampled_from(["", "80", "8080"]))
def test_every_spelling_has_the_one_name(data, service, namespace, pod, domain, port):
    """Whatever the labels are; `svc` as a namespace too."""
    whole = service if pod is None else f"{pod}.{service}"
    host = data.draw(spelled(whole, namespace, domain, port))
    expected = Path.of(namespace, whole, *([port] if port else [])).show()
    if full_is_ambiguous(host, domain):
        return
    assert of(host, domain) == expected
    # Idempotent: the name, spelled as a host, has that name again.
    assert of(f"{whole}.{namespace}.svc" + (f":{port}" if port else ""), domain) == expected


def full_is_ambiguous(host: str, domain: tuple[str, ...]) -> bool:
    """Whether the end of a short host looks like the end of a full one (a namespace called as the cluster's domain)."""
    labels = host.lower().partition(":")[0].removesuffix(".").split(".")[::-1]
    whole = [*domain, "svc"]
    return len(labels) <= 4 and labels[: len(whole)] == whole and len(labels) - len(whole) < 2


@given(LABEL, LABEL)
def test_a_short_host_is_that_of_its_client(service, namespace):
    assert of(service, namespace=namespace) == of(f"{service}.{namespace}.svc")
    assert of(service) == of(f"{service}.default.svc")


@given(st.lists(st.binary(min_size=1, max_size=70), max_size=6), DOMAINS | st.just(()))
def test_whatever_a_client_says_is_a_name_of_kubernetes_or_none(labels, domain):
    found = canonical(tuple(labels), domain)
    if found is None:
        return
    assert found == tuple(label.lower() for label in found)
    means = ports(found)
    assert means is not None
    for each in means:
        assert PathForm().parse(Path(each)) is not None


@pytest.mark.parametrize(
    ("path", "means"),
    [
        ("/shop/web", ["/shop/http/web", "/shop/80/web"]),
        ("/shop/web/8080", ["/shop/8080/web"]),
        ("/shop/db-0.db/pg", ["/shop/pg/db-0.db"]),
        ("/shop/web/in:prod", ["/shop/http/web", "/shop/80/web"]),  # left over of a host of one label
        ("/shop/web/8080/in:prod", ["/shop/8080/web"]),
    ],
)
def test_ports(path, means):
    found = ports(Path.parse(path).labels)
    assert found is not None
    assert [Path(each).show() for each in found] == means


@pytest.mark.parametrize(
    "path", ["/", "/shop", "/shop/web/8080/more", "/shop/a.b.c", "/shop/web/in:x/8080", "/sh_op/web"]
)
def test_what_is_no_service(path):
    assert ports(Path.parse(path).labels) is None
