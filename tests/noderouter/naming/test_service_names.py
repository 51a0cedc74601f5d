"""All spellings of a Service's host are one to limits, and no two Services are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtab import Path
from noderouter.naming.service_names import ServiceNames
from tests.noderouter.naming.test_k8s_spelling import DOMAIN, DOMAINS, LABEL, full_is_ambiguous, spelled

SVC, SERVICE = Path.of("svc"), Path.of("service")
NAMES = ServiceNames(SVC, SERVICE, DOMAIN)


@pytest.mark.parametrize(
    ("asked", "one"),
    [
        ("/svc/web.shop", "/service/shop/web"),
        ("/svc/WEB.shop.", "/service/shop/web"),
        ("/svc/web.shop:80", "/service/shop/web"),
        ("/svc/web.Shop.svc:8080", "/service/shop/web"),
        ("/svc/web.shop.svc.example.internal", "/service/shop/web"),
        ("/svc/web/in:shop", "/service/shop/web"),
        ("/svc/Web:8080/in:Shop", "/service/shop/web"),
        ("/svc/web", "/service/default/web"),
        ("/service/shop/web", "/service/shop/web"),
        ("/service/Shop/web/8080", "/service/shop/web"),
        ("/svc/db-0.db.shop", "/service/shop/db-0.db"),
        # What is no host of a Service is itself.
        ("/svc/10.1.2.3:80", "/svc/10.1.2.3:80"),
        ("/svc/Web_1", "/svc/web_1"),
        ("/svc/web.shop/more", "/svc/web.shop/more"),
        ("/svc", "/svc"),
        ("/service/shop", "/service/shop"),
        ("/service/shop/web/in:x", "/service/shop/web/in:x"),
        ("/other/web.shop", "/other/web.shop"),
    ],
)
def test_one_name(asked: str, one: str) -> None:
    key, spellings = NAMES.of(Path.parse(asked))
    assert key == Path.parse(one)
    assert Path.parse(asked.lower()) in spellings


def test_the_names_that_may_be_written() -> None:
    ways = ["/svc/web/in:shop", "/svc/web.shop", "/svc/web.shop.svc", "/svc/web.shop.svc.example.internal"]
    alone = {*ways, *(f"{way}:80" for way in ways[1:]), "/svc/web:80/in:shop"}
    alone |= {"/service/shop/web", "/service/shop/web/80"}
    assert {each.show() for each in NAMES.of(Path.parse("/svc/web.shop"))[1]} == alone
    with_port = {each.show() for each in NAMES.of(Path.parse("/svc/web.shop:8080"))[1]}
    assert with_port == {each.replace("80", "8080") for each in alone}


def test_without_names_of_services_only_the_case_is_nothing() -> None:
    plain = ServiceNames(SVC)
    for asked in ("/svc/web.shop", "/svc/WEB.shop:80", "/service/shop/web"):
        lower = Path.parse(asked.lower())
        assert plain.of(Path.parse(asked)) == (lower, (lower,))


def test_a_domain_that_is_not_known_is_no_domain() -> None:
    names = ServiceNames(SVC, SERVICE)
    assert names.of(Path.parse("/svc/web.shop.svc"))[0] == Path.parse("/service/shop/web")
    full = Path.parse("/svc/web.shop.svc.example.internal")
    assert names.of(full) == (full, (full,))


@given(st.data(), LABEL, LABEL, st.none() | LABEL, DOMAINS, st.sampled_from(["", "80", "8080"]))
def test_every_spelling_is_one_and_what_may_be_written_is_no_others(data, service, namespace, pod, domain, port):
    names = ServiceNames(SVC, SERVICE, domain)
    whole = service if pod is None else f"{pod}.{service}"
    host = data.draw(spelled(whole, namespace, domain, port))
    if full_is_ambiguous(host, domain):
        return
    key, spellings = names.of(Path.of("svc", host))
    assert key == Path.of("service", namespace, whole)
    for each in spellings:
        assert names.of(each)[0] == key


@given(st.lists(st.binary(min_size=1, max_size=70), max_size=4), DOMAINS | st.just(()))
def test_whatever_a_client_says_has_one_name(labels, domain):
    name = SVC + Path(tuple(labels))
    key, spellings = ServiceNames(SVC, SERVICE, domain).of(name)
    assert key == key.__class__(tuple(label.lower() for label in key.labels))
    assert spellings
    assert len(set(spellings)) == len(spellings)
