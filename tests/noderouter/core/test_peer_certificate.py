"""The field that tells endpoints of a client's certificate: nothing in a certificate adds to it, or ends it."""

from hypothesis import given
from hypothesis import strategies as st

from noderouter.core.peer_certificate import PeerCertificate


def made(subject: str = "CN=front", dns: tuple[str, ...] = (), uris: tuple[str, ...] = ()) -> PeerCertificate:
    return PeerCertificate("ab12", subject, dns, (), uris, 0.0)


def test_it_is_as_linkerd_writes_it() -> None:
    found = made("CN=front,O=shop", ("front.test", "www.front.test"), ("spiffe://cluster.local/ns/prod/sa/front",))
    assert found.field() == (
        b"x-forwarded-client-cert: Hash=ab12;SAN=spiffe://cluster.local/ns/prod/sa/front;DNS=front.test;"
        b'DNS=www.front.test;Subject="CN=front,O=shop"\r\n'
    )


def test_values_that_look_like_others_are_quoted() -> None:
    found = made('CN="x"\\', uris=("spiffe://x/a;DNS=forged",))
    assert found.field() == (
        b'x-forwarded-client-cert: Hash=ab12;SAN="spiffe://x/a;DNS=forged";Subject="CN=\\"x\\"\\\\"\r\n'
    )


@given(st.text(), st.text(), st.text())
def test_it_is_one_line_of_one_field(subject: str, name: str, uri: str) -> None:
    line = made(subject, (name,), (uri,)).field()
    assert line.startswith(b"x-forwarded-client-cert: Hash=ab12;")
    assert line.endswith(b'"\r\n')
    assert not any(byte < 0x20 or byte == 0x7F for byte in line[:-2])


def test_its_identity_is_the_first_name_of_the_best_sort() -> None:
    spiffe = "spiffe://cluster.local/ns/prod/sa/front"
    assert made(dns=("front.test",), uris=(spiffe, "spiffe://x")).identity == f"SAN={spiffe}"
    assert made(dns=("Front.test", "back.test")).identity == "DNS=front.test"
    assert made("CN=front,O=shop").identity == "Subject=CN=front,O=shop"
    assert made("").identity == "Hash=ab12"
