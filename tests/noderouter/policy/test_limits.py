"""Lists of limits, as they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtab import PathMatcher
from noderouter.naming.stored.text import TextError
from noderouter.policy.keys import LIMITS
from noderouter.policy.limits import NOT_SEEN, Limit, Limits, parse_limits, show_limits
from noderouter.proxy.http.field_names import KINDS


def test_what_is_written():
    read = parse_limits(
        "- name: hello\n"
        "  router: out\n"
        "  service: /svc/hello\n"
        "  per: [service, source]\n"
        "  headers: [X-Key]\n"
        "  requestsPerSecond: 10\n"
        "  burst: 20\n"
        "- {name: all, per: [], requestsPerSecond: 0.5}\n"
    )
    assert isinstance(read, Limits)
    hello, everything = read.limits
    assert (hello.router, hello.service, hello.requestsPerSecond) == ("out", PathMatcher("/svc/hello"), 10.0)
    assert (hello.size, hello.headers, hello.per) == (20, ("X-Key",), ("service", "source"))
    assert (everything.per, everything.size, everything.headers) == ((), 1, ())
    assert Limit(name="x", requestsPerSecond=7.9).size == 7
    assert Limit(name="x", requestsPerSecond=7).per == ("service",)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("name: a", "required key `requestsPerSecond` is missing"),
        ("requestsPerSecond: 1", "required key `name` is missing"),
        ("{name: A b, requestsPerSecond: 1}", "limits[0].name"),
        *(
            (
                f"{{name: a, requestsPerSecond: {silly}}}",
                "limits[0].requestsPerSecond: expected a number from 0.000001 to 1000000, such as 10 or 0.5",
            )
            for silly in (
                *("0", "-0.0", "-1", "2000000", "9e-7", "1e-309", "5.0e-324", "1e400", "1.0e+400", "-1.0e+400"),
                *("1" + "0" * 400, ".inf", "-.inf", ".nan", "yes", "'10'", "[1]", "{}"),
            )
        ),
        ("{name: a, requestsPerSecond: 1, burst: 0}", "limits[0].burst"),
        ("{name: a, requestsPerSecond: 1, burst: 1.5}", "limits[0].burst"),
        ("{name: a, requestsPerSecond: 1, per: [pod]}", "limits[0].per[0]: valid: identity, service, source"),
        ("{name: a, requestsPerSecond: 1, per: [source, source]}", "one of them stands there twice"),
        ("{name: a, requestsPerSecond: 1, headers: ['a b']}", "limits[0].headers[0]"),
        ("{name: a, requestsPerSecond: 1, headers: [a, b, c, A]}", "one of them stands there twice"),
        *(
            (f"{{name: a, requestsPerSecond: 1, headers: [x-a, {name}]}}", f"headers[1]: the router acts on {name}")
            for name in ("via", "TE", "l5d-user", "L5d_User", "x-forwarded-client-cert", "Max-Forwards", "connection")
        ),
        ("{name: a, requestsPerSecond: 1, service: hello//}", "limits[0].service"),
        ("{name: a, requestsPerSecond: 1, bursts: 2}", "did you mean burst?"),
    ],
)
def test_what_is_wrong_is_said(entry, words):
    read = parse_limits(f"# limits\n- {entry}\n")
    assert isinstance(read, TextError), read
    assert words in read.message
    assert read.line == 2


def test_fields_that_are_not_seen_are_those_that_codecs_keep():
    """The host stays, for endpoints."""
    assert {name.encode() for name in NOT_SEEN} == set(KINDS) - {b"host"}


def test_names_are_told_apart_and_there_are_so_many():
    read = parse_limits("- {name: a, requestsPerSecond: 1}\n- {name: a, requestsPerSecond: 2}\n")
    assert isinstance(read, TextError)
    assert "limits[1].name: limits[0] has this name already" in read.message
    many = "".join(f"- {{name: l{number}, requestsPerSecond: 1}}\n" for number in range(101))
    read = parse_limits(many)
    assert isinstance(read, TextError)
    assert "101 limits; 100 are allowed" in read.message


def some(*members: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(members), unique=True)


@given(
    entries=st.lists(
        st.builds(
            dict,
            per=some("service", "source", "identity"),
            headers=some("x-a", "X-B"),
            requestsPerSecond=st.floats(1e-6, 1e6),
            burst=st.one_of(st.none(), st.integers(1, 10**6)),
            service=st.sampled_from(["/", "/svc", "/svc/*", "/svc/{x}"]),
        ),
        max_size=5,
    )
)
def test_what_is_shown_is_read_as_the_same(entries):
    made = Limits.model_validate({"limits": [{"name": f"l{n}", **each} for n, each in enumerate(entries)]})
    again = Limits.model_validate_json(show_limits(made), strict=False)
    assert again == made
    assert LIMITS.hash(again) == LIMITS.hash(made)
    assert LIMITS.size(made) == len(entries)
