"""The rules, each against a made fault: what it says, and that it says nothing where either condition is missing.

Covers `surroundings.py`.
"""

from dataclasses import replace
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.admin.dashboard.seen import (
    Branch,
    Call,
    Capture,
    Client,
    Endpoint,
    Failure,
    Figures,
    Limit,
    Seen,
    Service,
    Table,
    Watch,
)
from noderouter.admin.dashboard.verdict import (
    answers,
    at,
    counted,
    endpoint_state,
    headline,
    problems,
    service_state,
    short,
    usual,
    usual_beside,
)
from noderouter.admin.dashboard.view import Problem, State
from noderouter.naming.interpreter.whatif import Moved
from tests.testing.dashboard import (
    AT,
    CANARY,
    CART,
    WEB,
    cart_endpoints,
    client,
    course,
    endpoint,
    figures,
    healthy,
    node,
    service,
)

HELLO = "/#/io.l5d.fs/hello"


def seen(*services: Service, clients: tuple[Client, ...] = (), **parts: object) -> Seen:
    return replace(healthy(), services=services, clients=clients, **parts)  # type: ignore[arg-type]


def told(found: Seen) -> list[tuple[State, str, str, str]]:
    return [(each.state, each.word, each.what, each.text) for each in problems(found)]


def only(found: Seen) -> Problem:
    (problem,) = problems(found)
    return problem


def test_a_node_on_which_all_is_well_has_nothing_to_say() -> None:
    assert problems(healthy()) == ()
    assert counted(()) == "nothing is wrong"
    assert headline(()) == "Nothing is wrong"


def test_everything_at_once_the_worst_first() -> None:
    found = problems(node())
    assert [(each.word, each.what) for each in found] == [
        ("failing", "/svc/cart.shop"),
        ("refused", "dtab edit"),
        ("ejected", "10.8.2.41:8080"),
        ("slow", "/svc/search.shop"),
        ("stale", "watch pods/worker-3"),
        ("canary", "/svc/web.shop"),
    ]
    assert counted(found) == "2 wrong, 3 to watch"
    assert headline(found) == "2 things are wrong, 3 to watch"


# A service that fails


def test_one_endpoint_of_three_is_the_cause() -> None:
    failing = service("/svc/cart.shop", [CART], 48.2, 17.2, lines=lambda: course(failures=[0.0] * 42 + [17.2] * 18))
    problem = only(seen(failing, clients=(client(CART, cart_endpoints()),)))
    assert (problem.state, problem.word, problem.what) == (State.BAD, "failing", "/svc/cart.shop")
    assert problem.text == (
        "82.8 % of 48.2/s succeed. One endpoint of 3, 10.8.3.17:8080, answers 503 to 61 % of its requests;"
        " the other two fail none."
    )
    assert problem.path == "/service?name=/svc/cart.shop"
    assert problem.since == AT - 180


def failing_with(*endpoints: float, trouble: str = "") -> str:
    """What is said where endpoints fail so many percent of their requests."""
    found = [endpoint(f"10.0.0.{place}:80", HELLO, failed=failed) for place, failed in enumerate(endpoints)]
    bad = service("/svc/hello", [HELLO], failed=30)
    return only(seen(bad, clients=(client(HELLO, found, trouble=trouble),))).text.partition(". ")[2]


@pytest.mark.parametrize(
    ("endpoints", "said"),
    [
        ((60.0, 0.0), "One endpoint of 2, 10.0.0.0:80, fails 60 % of its requests; the other fails none."),
        ((90.0, 2.0, 0.0), "One endpoint of 3, 10.0.0.0:80, fails 90 % of its requests; the others hardly fail."),
        ((30.0, 30.0, 30.0), "All 3 endpoints fail alike, so look behind it."),
        ((90.0, 30.0, 30.0), "3 of 3 endpoints fail, most 10.0.0.0:80."),
        ((30.0,), "Its only endpoint, 10.0.0.0:80, fails 30 % of its requests."),
        ((30.0, 40.0, 0.0), "2 of 3 endpoints fail, most 10.0.0.1:80."),
        ((6.0, 4.0, 4.0), "10.0.0.0:80 fails most, but the others fail, too."),
        ((2.0, 2.0), "No endpoint stands out."),
    ],
)
def test_the_cause_is_named_where_there_is_one(endpoints: tuple[float, ...], said: str) -> None:
    assert failing_with(*endpoints) == said


def test_a_name_without_an_endpoint() -> None:
    assert failing_with(trouble="the set of addresses is empty") == (
        "hello has no endpoint (the set of addresses is empty)."
    )
    nowhere = service("/svc/nope", ["x"], failed=100, branches=(), errors={"NoSuchName": 600, "Timeout": 2})
    said = "No request reached an endpoint; most often since the start: NoSuchName."
    assert only(seen(nowhere)).text == f"0.0 % of 10.0/s succeed. {said}"


@pytest.mark.parametrize(
    ("counts", "failing"),
    [((1000, 11), True), ((1000, 10), False), ((4, 4), False), ((5, 5), True), ((100_000, 999), False)],
)
def test_a_service_fails_below_99_percent_and_from_five_failures_on(counts: tuple[int, int], failing: bool) -> None:
    found = replace(service("/svc/hello", [HELLO]), figures=Figures(*counts, 1.0, 1.0, 1.0, 1.0))
    assert [each.word for each in problems(seen(found))] == ["failing"] * failing


def test_an_error_without_a_status_is_named() -> None:
    errors = tuple(Failure(AT, what, "GET /", "", 1.0) for what in ("ConnectError", "Timeout", "ConnectError"))
    bad = [endpoint("10.0.0.1:80", HELLO, failed=50, errors=errors), endpoint("10.0.0.2:80", HELLO)]
    found = seen(service("/svc/hello", [HELLO], failed=25), clients=(client(HELLO, bad),))
    assert "fails 50 % of its requests, mostly with ConnectError; the other fails none." in only(found).text


def failing_as(*kinds: str, share: float = 50.0, at_: int = 1) -> Endpoint:
    """An endpoint whose last failures were of these kinds."""
    errors = tuple(Failure(AT, what, "GET /", "", 1.0) for what in kinds)
    return endpoint(f"10.0.0.{at_}:80", HELLO, failed=share, errors=errors)


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        (("503", "503"), "answers 503 to 50 % of its requests"),
        (("503", "503", "500"), "fails 50 % of its requests, mostly with 503"),
        (("503", "500"), "fails 50 % of its requests"),
        ((), "fails 50 % of its requests"),
    ],
)
def test_only_where_all_failures_are_alike_is_it_said_what_is_answered(kinds: tuple[str, ...], said: str) -> None:
    assert answers(failing_as(*kinds)) == said


def test_endpoints_that_fail_in_different_ways_do_not_fail_alike() -> None:
    bad = service("/svc/hello", [HELLO], failed=50)
    for second, said in (("503", "All 2 endpoints fail alike with 503"), ("Timeout", "2 of 2 endpoints fail, most ")):
        endpoints = [failing_as("503"), failing_as(second, at_=2)]
        assert said in only(seen(bad, clients=(client(HELLO, endpoints),))).text


def test_siblings_that_get_no_requests_are_not_said_to_be_well() -> None:
    bad = service("/svc/hello", [HELLO], failed=20)
    endpoints = [failing_as("503"), *(endpoint(f"10.0.0.{at_}:80", HELLO, out="ejected") for at_ in (2, 3))]
    endpoints += [endpoint(f"10.0.0.{at_}:80", HELLO) for at_ in (4, 5)]
    text = problems(seen(bad, clients=(client(HELLO, endpoints),)))[0].text
    assert text.endswith("answers 503 to 50 % of its requests; 2 of the other 4 get no requests.")


def test_an_endpoint_is_the_cause_only_if_it_is_that_of_all_clients() -> None:
    other = "/#/io.l5d.fs/other"
    bad = service("/svc/hello", [HELLO, other], failed=40)
    one = client(HELLO, [failing_as("503"), endpoint("10.0.0.2:80", HELLO)])
    all_ = client(other, [endpoint(f"10.1.0.{at_}:80", other, failed=60) for at_ in range(3)])
    text = only_service(seen(bad, clients=(one, all_)))
    assert "One endpoint of" not in text
    assert "4 of 5 endpoints fail, most 10.1.0." in text
    well = client(other, [endpoint(f"10.1.0.{at_}:80", other) for at_ in range(3)])
    assert "One endpoint of 2, 10.0.0.1:80, answers 503" in only_service(seen(bad, clients=(one, well)))


def only_service(found: Seen) -> str:
    (text,) = [each.text for each in problems(found) if each.path.startswith("/service?") and each.state is State.BAD]
    return text


# Requests that the router fails itself


def called(requests: int, failures: int, name: str = "/svc/hello") -> Call:
    return Call("web", name, "outgoing", requests / 60, 100 * (requests - failures) / requests, requests, failures)


def test_what_the_router_refuses_is_a_problem_of_the_service_and_of_no_endpoint() -> None:
    full = replace(service("/svc/hello", [HELLO]), figures=Figures(60, 0, 1.0, 1.0, 1.0, 1.0), refused=540.0)
    found = seen(full, clients=(client(HELLO, [endpoint("10.0.0.1:80", HELLO)]),), calls=(called(600, 540),))
    problem = only(found)
    assert (problem.state, problem.word, problem.what) == (State.BAD, "refused", "/svc/hello")
    assert problem.text == (
        "10.0 % of 10.0/s succeed. 60 of 600 requests of the last 60 s came to it; the rest failed in this router."
        " Its limit on requests at a time has refused 540 since the start."
    )
    assert service_state(full, found) == (State.BAD, "refused")
    assert "asked no endpoint for them" in only(replace(found, services=(replace(full, refused=0.0),))).text


@pytest.mark.parametrize(
    ("calls", "word"), [((1000, 11), "refused"), ((1000, 10), "ok"), ((20, 4), "ok"), ((20, 5), "refused")]
)
def test_it_is_one_below_99_percent_and_from_five_on(calls: tuple[int, int], word: str) -> None:
    fine = replace(service("/svc/hello", [HELLO]), figures=Figures(15, 0, 1.0, 1.0, 1.0, 1.0))
    assert service_state(fine, seen(fine, calls=(called(*calls),)))[1] == word
    broken_off = replace(fine, figures=Figures(calls[0], 0, 1.0))
    assert service_state(broken_off, seen(broken_off, calls=(called(*calls),)))[1] == "ok", "all came to it"
    other = seen(fine, calls=(replace(called(*calls), router="incoming"), called(*calls, name="/svc/other")))
    assert service_state(fine, other)[1] == "ok"


# An endpoint that fails, while its service does not


def test_an_endpoint_whose_failures_are_made_good() -> None:
    endpoints = [endpoint("10.0.0.1:80", HELLO, failed=50), endpoint("10.0.0.2:80", HELLO)]
    found = seen(service("/svc/hello", [HELLO], retries=1.5), clients=(client(HELLO, endpoints),))
    assert told(found) == [
        (State.BAD, "failing", "10.0.0.1:80", "hello: fails 50 % of its requests. Retries make it good.")
    ]


@pytest.mark.parametrize(("counts", "failing"), [((100, 6), True), ((100, 5), False), ((4, 4), False), ((5, 5), True)])
def test_an_endpoint_fails_below_95_percent_and_from_five_failures_on(counts: tuple[int, int], failing: bool) -> None:
    one = endpoint("10.0.0.1:80", HELLO, figures=Figures(*counts, 1.0))
    assert endpoint_state(one, client(HELLO, [one])) == ((State.BAD, "failing") if failing else (State.OK, "ok"))


# Slow


def slow(p99: float, before: float | None, slots: int = 54) -> Service:
    past = [None] * (54 - slots) + [before] * slots
    return service("/svc/hello", [HELLO], figures=figures(10, p99=p99), lines=lambda: course(p99=past + [p99] * 6))


def test_a_slow_service_whose_endpoints_are_all_alike() -> None:
    endpoints = [endpoint(f"10.0.0.{n}:80", HELLO, mean_ms=900.0) for n in range(4)]
    found = seen(slow(2410.0, 180.0), clients=(client(HELLO, endpoints),), calls=node().calls)
    problem = only(found)
    assert (problem.state, problem.word) == (State.WARN, "slow")
    assert problem.text == "p99 2.41 s, before 180 ms. All 4 endpoints alike, so look behind it."
    assert problem.since == AT - 60


def test_behind_a_slow_service_is_what_it_calls() -> None:
    search = next(each for each in problems(node()) if each.what == "/svc/search.shop")
    assert search.text.endswith("so look behind it: index.search.")


def test_one_endpoint_of_a_slow_service_is_slower_than_the_others() -> None:
    endpoints = [endpoint("10.0.0.1:80", HELLO, mean_ms=900.0), *(endpoint(f"10.0.0.{n}:80", HELLO) for n in (2, 3))]
    found = seen(slow(2410.0, 180.0), clients=(client(HELLO, endpoints),))
    assert only(found).text.endswith("One endpoint of 3, 10.0.0.1:80, is slower than the others.")
    calm = seen(service("/svc/hello", [HELLO]), clients=(client(HELLO, endpoints),))
    assert told(calm) == [(State.WARN, "slow", "10.0.0.1:80", "hello: 900 ms on average, its siblings 8.0 ms.")]


@given(st.lists(st.none() | st.floats(0, 1e4), min_size=1, max_size=9))
def test_an_endpoint_is_compared_with_the_median_of_all_others(means: list[float | None]) -> None:
    one = client(HELLO, [endpoint(f"10.0.0.{n}:80", HELLO, mean_ms=mean) for n, mean in enumerate(means)])
    for place, mean in enumerate(means):
        others = [each for each in means[:place] + means[place + 1 :] if each is not None]
        if mean is not None:
            assert usual_beside(mean, one) == (median(others) if others else None)


@pytest.mark.parametrize(
    ("p99", "before", "slots", "is_slow"),
    [
        (541.0, 180.0, 54, True),
        (539.0, 180.0, 54, False),
        (249.0, 10.0, 54, False),
        (251.0, 10.0, 54, True),
        (900.0, 10.0, 5, False),
        (900.0, 10.0, 6, True),
        (900.0, None, 54, False),
    ],
)
def test_slow_is_three_times_the_median_and_above_250_ms(
    p99: float, before: float | None, slots: int, is_slow: bool
) -> None:
    assert [each.word for each in problems(seen(slow(p99, before, slots)))] == ["slow"] * is_slow


def test_what_is_usual_leaves_the_last_minute_out() -> None:
    assert usual((10.0,) * 54 + (1000.0,) * 6) == 10.0
    assert usual((None,) * 60) is None


# Out of service


def test_an_endpoint_is_out() -> None:
    (ejected,) = [each for each in problems(node()) if each.word == "ejected"]
    assert ejected.state is State.WARN
    assert ejected.text == (
        "inventory.shop: last error ConnectError; probed again in 8 s. 2 of 3 serve, no request lost."
    )


@pytest.mark.parametrize(("out", "of", "state"), [(1, 2, State.WARN), (2, 3, State.BAD), (3, 3, State.BAD)])
def test_it_is_bad_where_less_than_half_are_left(out: int, of: int, state: State) -> None:
    found = [endpoint(f"10.0.0.{n}:80", HELLO, out="ejected" if n < out else "") for n in range(of)]
    one = seen(service("/svc/hello", [HELLO]), clients=(client(HELLO, found),))
    assert only(one).state is state
    assert only(one).what == ("10.0.0.0:80" if out == 1 else f"{out} of hello")
    assert "being probed" in only(one).text
    assert service_state(one.services[0], one) == (state, "ejected")


def test_requests_that_were_lost_are_not_denied() -> None:
    endpoints = [endpoint("10.0.0.1:80", HELLO, out="ejected"), endpoint("10.0.0.2:80", HELLO)]
    bad = service("/svc/hello", [HELLO], failed=0.5)
    found = problems(seen(bad, clients=(client(HELLO, endpoints),)))
    assert found[0].text.endswith("1 of 2 serve.")


# A canary


def test_a_canary() -> None:
    (canary,) = [each for each in problems(node()) if each.word == "canary"]
    assert canary.state is State.INFO
    assert canary.text == ("5 % go to web-canary: 99.22 % succeed there, 100 % elsewhere; p99 164 ms against 120 ms.")
    idle = service("/svc/web.shop", [WEB, CANARY], branches=(Branch(WEB, 0.95), Branch(CANARY, 0.05)))
    assert only(seen(idle)).text == "5 % go to web-canary; none did in the last 60 s."


# Health


def test_a_refused_edit() -> None:
    table = Table("out", "ConfigMap mesh/d", "95f223c55ff99452", 6, AT - 7430, "line 7, column 17: no")
    problem = only(seen(tables=(table,)))
    assert (problem.state, problem.path) == (State.BAD, "/health")
    assert problem.text == "line 7, column 17: no. Still in force: 95f223c5, since 2 h 3 min."
    never = replace(table, hash=None, applied_at=0.0)
    assert only(seen(tables=(never,))).text == "line 7, column 17: no. Nothing is in force."
    assert problems(seen(tables=(replace(table, error=""),))) == ()


def test_what_an_edit_has_moved() -> None:
    table = Table("out", "ConfigMap mesh/d", "95f223c55ff99452", 6, AT - 90, "", Moved(4, 2, 0.337, 0.0, 0.16))
    problem = only(seen(tables=(table,)))
    assert (problem.state, problem.word, problem.what) == (State.WARN, "moved", "dtab edit")
    said = "33.7 % of requests go elsewhere, 2 of 4 names; 16 % lead nowhere, 0 % did before, 90 s ago."
    assert problem.text == said
    assert only(seen(tables=(replace(table, moved=Moved(1, 1, 1.0, 0.2, 0.2)),))).state is State.INFO
    assert problems(seen(tables=(replace(table, moved=Moved(4, 0, 0.0, 0.0, 0.0)),))) == ()
    assert problems(seen(tables=(replace(table, applied_at=AT - 601),))) == ()


@pytest.mark.parametrize(
    ("watch", "said"),
    [
        (Watch("pods", True, 120.0), None),
        (Watch("pods", True, 134.0), "no word for 134 s (limit 120 s)"),
        (Watch("pods", False, -1.0), None),
        (Watch("pods", False, -1.0, failing_seconds=3.0), "no word yet"),
    ],
)
def test_a_watch_without_a_word(watch: Watch, said: str | None) -> None:
    assert [each.text for each in problems(seen(watches=(watch,)))] == ([] if said is None else [said])


def test_not_ready_shedding_disarmed_and_limits() -> None:
    away = Capture(False, "the keeper is away", "nftables", 2, (), None)
    files = Limit("files", 9, 9, "none is left")
    found = seen(ready=False, reasons=("a", "b"), shedding=0.25, capture=away, limits=(files,))
    assert [(each.word, each.text) for each in problems(found)] == [
        ("not ready", "a; b"),
        ("shedding", "25 % of new requests are answered 503, because memory or time is short."),
        ("limit", "9 of 9: none is left"),
        ("disarmed", "connections of pods do not come here: the keeper is away"),
    ]
    assert problems(seen(limits=(Limit("files", 8, 9, ""), Limit("other", 5, 0, "")))) == ()


# Words


def test_names_in_sentences_and_addresses() -> None:
    assert short("/svc/cart.shop") == "cart.shop"
    assert short("/#/io.l5d.k8s/shop/http/cart") == "cart"
    assert at("/service", name="/svc/a b&c", router="") == "/service?name=/svc/a%20b%26c"
    assert at("/services") == "/services"


def test_what_is_wrong_in_one_router_hides_nothing_of_another() -> None:
    """Both have the same names and addresses; one is to blame for its service, the other's service is well."""
    endpoints = [failing_as("503"), endpoint("10.0.0.2:80", HELLO)]
    theirs = [each._replace(router="incoming") for each in endpoints]
    bad = service("/svc/hello", [HELLO], failed=25)
    well = replace(service("/svc/hello", [HELLO]), router="incoming")
    both = replace(
        seen(bad, well, clients=(client(HELLO, endpoints), replace(client(HELLO, theirs), router="incoming"))),
        routers=(*healthy().routers, replace(healthy().routers[0], label="incoming")),
    )
    assert [(each.what, each.router, each.path) for each in problems(both)] == [
        ("10.0.0.1:80", "incoming", "/endpoints?client=/%23/io.l5d.fs/hello&router=incoming"),
        ("/svc/hello", "outgoing", "/service?name=/svc/hello&router=outgoing"),
    ]


def test_services_of_several_routers_are_told_apart() -> None:
    bad = service("/svc/hello", [HELLO], failed=50)
    both = replace(seen(bad), routers=(*healthy().routers, replace(healthy().routers[0], label="incoming")))
    assert only(both).path == "/service?name=/svc/hello&router=outgoing"
