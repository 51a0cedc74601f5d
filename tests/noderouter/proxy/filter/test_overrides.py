"""What dtabs of requests may say, by who sends them."""

from collections.abc import Iterable

import pytest

from dtab import Path
from noderouter.core.address_rule import AddressRule
from noderouter.proxy.filter.overrides import MAX_JUDGED, MAX_REMEMBERED_BYTES, BadContext, OverrideRules

STRANGER, FRIEND = "192.0.2.1", "10.0.0.9"


def paths(*texts: str) -> list[Path]:
    return [Path.parse(text) for text in texts]


def rules(prefix: str = "/svc", allow: Iterable[str] = ()) -> OverrideRules:
    return OverrideRules(
        Path.parse(prefix),
        open_namers=paths("/#/io.l5d.k8s", "/#/both"),
        closed_namers=paths("/#/io.l5d.fs", "/#/rw", "/#/both", "/#/io.l5d.k8s/inner"),
        trusted=[AddressRule.parse("10.0.0.0/8")],
        allow=map(AddressRule.parse, allow),
    )


def judged(text: str, *, peer: str = STRANGER, captured: bool = False, prefix: str = "/svc", context: str = "") -> str:
    """What holds of it, or why it is refused."""
    fields = [(each.encode(),) if each else () for each in (context, text)]
    try:
        return rules(prefix).read(fields[0], fields[1], peer, captured=captured).local.show()
    except BadContext as error:
        return f"refused: {error.message}" if error.status == 400 else repr(error)


ALLOWED = (
    "/svc=>/svc/b",
    "/svc/a=>/svc/b | /svc/c & 0.50*/svc/d",
    "/svc/a=>/#/io.l5d.k8s/prod/http/b",
    "/svc/a=>!",
    "/svc/a=>~ | $",
    "/svc/a=>/$/fail",
    "/svc/a=>/$/nil",
    "/svc/a=>/$/io.buoyant.http.status/404",
    "/svc/*/a=>/svc/b",
)
REFUSED = (
    "/svc=>/$/inet/127.0.0.1/9990",
    "/svc=>/$/fixedinet/127.0.0.1/9990",
    "/svc=>/$/inet",
    "/svc=>/$",
    "/svc=>/$/io.buoyant.rinet/9990/127.0.0.1",
    "/svc=>/$/io.buoyant.http.domainToPathPfx/x",
    "/svc=>/$/io.buoyant.hostportPfx/$/inet",
    "/svc=>/#/io.l5d.fs/x",
    "/svc=>/#/rw/x",
    "/svc=>/#/unknown/x",
    "/svc=>/#",
    "/svc=>/#/both/x",
    "/svc=>/#/io.l5d.k8s/inner/x",
    "/svc=>/#/io.l5d.k8s",
    "/svc=>/%/io.l5d.port/1/svc",
    "/svc=>/host/x",
    "/svc=>/",
    "/svc/a=>/svc/b | /$/inet/127.0.0.1/9990",
    "/svc/a=>0.01*/$/inet/127.0.0.1/9990 & /svc/b",
    "/svc/a=>/svc/b;/svc/c=>/$/inet/127.0.0.1/9990",
    "/host/a=>/svc/b",
    "/=>/svc/b",
    "/*/a=>/svc/b",
    "/$/inet=>/svc/b",
    "/svcx=>/svc/b",
)


@pytest.mark.parametrize("text", ALLOWED)
def test_names_for_names(text):
    assert judged(text) == text
    assert judged("", context=text) == text


@pytest.mark.parametrize("text", REFUSED)
def test_everything_else_is_refused_whole(text):
    assert judged(text).startswith("refused: ")
    assert judged(text, peer=FRIEND) == text
    assert judged(text, captured=True, peer=FRIEND).startswith("refused: ")
    assert judged(text, peer=f"::ffff:{FRIEND}") == text


@pytest.mark.parametrize("text", ALLOWED)
def test_captured_clients_say_names_of_this_router_for_others(text):
    held = judged(text, captured=True, peer=FRIEND)
    assert held == text if "/#" not in text and "/$/" not in text else held.startswith("refused: ")


def test_the_words():
    assert judged("/svc/a => /svc/b | /$/inet/127.0.0.1/9990") == (
        "refused: /svc/a=>/svc/b | /$/inet/127.0.0.1/9990: a request may not send names to /$/inet/127.0.0.1/9990,"
        " only below /svc, /#/io.l5d.k8s, /#/both (`overrides.trusted` says who may,"
        " `overrides.allow` what everybody may)"
    )
    assert judged("/host => /svc/b") == "refused: /host=>/svc/b: a request may only say where names below /svc lead"


@pytest.mark.parametrize("captured", [False, True])
def test_addresses_that_everybody_may_name(captured):
    made = rules(allow=["10.1.0.0/16:8080-8089", "[2001:db8::]:80", "192.0.2.9"])

    def allowed(leaf: str) -> bool:
        try:
            made.read((), (f"/svc=>{leaf}".encode(),), STRANGER, captured=captured)
        except BadContext:
            return False
        return True

    for leaf in (
        "/$/inet/10.1.2.3/8080",
        "/$/fixedinet/10.1.2.3/8089",
        "/$/io.buoyant.rinet/8080/10.1.2.3",
        "/$/inet/2001:db8::/80",
        "/$/inet/192.0.2.9/1",
        "/$/inet/::ffff:192.0.2.9/1",
        r"/$/inet/10.1.2.3\x2c10.1.2.4/8080",
        "/svc/b | 0.5*/$/inet/10.1.2.3/8080 & /svc/c",
    ):
        assert allowed(leaf), leaf
    for leaf in (
        "/$/inet/10.1.2.3/8090",
        "/$/inet/10.1.2.3",
        "/$/inet",
        "/$/inet/10.2.2.3/8080",
        r"/$/inet/10.1.2.3\x2c10.2.2.3/8080",
        "/$/inet/10.1.2.3.example/8080",
        "/$/inet/64:ff9b::10.1.2.3/8080",
        "/$/inet/169.254.169.254/8080",
        "/#/rw/$/inet/10.1.2.3/8080",
        "/%/io.l5d.port/1/$/inet/10.1.2.3/8080",
        "/svc/b | /$/inet/10.1.2.3/8090",
    ):
        assert not allowed(leaf), leaf


def test_what_is_for_another_router_travels_on_and_says_nothing_here():
    read = rules("/incoming").read(
        (b"/svc/a=>/$/inet/1.2.3.4/5;/incoming/a=>/incoming/b",), (), STRANGER, captured=False
    )
    assert read.onward.show() == "/svc/a=>/$/inet/1.2.3.4/5;/incoming/a=>/incoming/b"
    assert read.local.show() == "/incoming/a=>/incoming/b"
    assert judged("/svc/a=>/svc/b", prefix="/incoming").startswith("refused: ")


def test_a_router_whose_prefix_is_everything():
    assert judged("/a=>/b", prefix="/") == "/a=>/b"
    for text in ("/a=>/$/inet/127.0.0.1/1", "/a=>/", "/$/inet=>/b", "/*=>/b", "/=>/b", "/#/io.l5d.k8s=>/b"):
        assert judged(text, prefix="/").startswith("refused: "), text


def test_what_is_remembered_is_bounded():
    made = rules()
    first = made.read((), (b"/svc=>/svc/b",), STRANGER, captured=False)
    assert made.read((), (b"/svc=>/svc/b",), STRANGER, captured=False) is first
    for number in range(3 * MAX_JUDGED):
        made.read((), (b"/svc=>/svc/%d" % number,), STRANGER, captured=False)
        assert len(made._known) <= MAX_JUDGED
    made._known.clear()
    made.read((), (b"/svc=>/svc/" + b"x" * MAX_REMEMBERED_BYTES,), STRANGER, captured=False)
    assert not made._known


def test_refusals_are_counted():
    made = rules()
    for _ in range(3):
        with pytest.raises(BadContext):
            made.read((), (b"/svc=>/$/inet/1",), STRANGER, captured=False)
    assert made.stats.refused == 3


def test_who_is_no_address_is_no_friend():
    assert judged("/svc=>/$/inet/1", peer="").startswith("refused: ")
