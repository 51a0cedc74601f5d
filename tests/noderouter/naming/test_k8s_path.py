"""From paths to what they name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtab import Path
from noderouter.naming.k8s_path import PathForm, TargetName


@pytest.mark.parametrize(
    ("form", "path", "name"),
    [
        (PathForm(), "/Shop/HTTP/Cart/x", TargetName("shop", "http", "cart")),
        (PathForm(), "/shop/80/web-0.web", TargetName("shop", "80", "web", "web-0")),
        (PathForm(label="v"), "/shop/80/cart/V1.0", TargetName("shop", "80", "cart", "", ("v", "v1.0"))),
        (PathForm(namespace="shop"), "/80/cart", TargetName("shop", "80", "cart")),
        (PathForm(label="v", namespace="shop"), "/80/cart/1", TargetName("shop", "80", "cart", "", ("v", "1"))),
        (PathForm(label="v"), "/shop/80/cart", None),
        (PathForm(label="v"), "/shop/80/cart/%", None),
        (PathForm(), "/shop/80", None),
        (PathForm(), "/-shop/80/cart", None),
        (PathForm(), "/shop/0x50/cart-", None),
        (PathForm(), "/shop/123456/cart", None),
    ],
)
def test_forms(form, path, name):
    assert form.parse(Path.parse(path)) == name


@given(st.lists(st.binary(min_size=1, max_size=70), max_size=5))
def test_whatever_a_client_asks_for(labels):
    name = PathForm().parse(Path(tuple(labels)))
    if name is not None:
        for word in (name.namespace, name.service, name.port):
            assert word.isascii()
            assert word == word.lower()
            assert 0 < len(word) <= 63
            assert not set(word) & set("/?&,()=%. ")


def test_what_the_admin_interface_calls_it():
    assert TargetName("a", "80", "b").key == "a/b"
    assert TargetName("a", "80", "b", "", ("v", "1")).key == "a/b:1"


def test_ids_are_in_lower_case():
    assert PathForm().id(Path.parse("/Shop/HTTP/Cart/Rest")) == Path.parse("/shop/http/cart")
