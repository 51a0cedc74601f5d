import pytest
from pydantic import ValidationError

from dtab import Path
from noderouter.proxy.identifier.static import Static
from tests.noderouter.proxy.identifier.requests import request


def test_every_exchange_has_the_same_name():
    identifier = Static(kind="io.l5d.static", path="/a/b").build(Path.of("svc"))
    assert identifier.identify(request(host=None)) == Path.parse("/svc/a/b")


def test_the_path_is_required():
    for keys in ({}, {"path": "a"}):
        with pytest.raises(ValidationError):
            Static(kind="io.l5d.static", **keys)
