"""Paths of collections and objects; names never lead elsewhere."""

from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from noderouter.kubernetes.paths import configmaps, endpoint_slices, namespaces, pods, services

SEGMENT = st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable())


def test_collections():
    assert services().path == "/api/v1/services"
    assert pods("prod").path == "/api/v1/namespaces/prod/pods"
    assert namespaces().path == "/api/v1/namespaces"
    assert endpoint_slices("prod").path == "/apis/discovery.k8s.io/v1/namespaces/prod/endpointslices"


@given(SEGMENT, SEGMENT)
def test_a_name_is_one_segment(namespace, name):
    parts = configmaps(namespace).object(name).split("/")
    assert len(parts) == 7
    assert (unquote(parts[4]), unquote(parts[6])) == (namespace, name)
    assert not set("?#") & set("".join(parts))
