"""What is wrong, in sentences that name the cause: the rules and thresholds of the dashboard, and nothing else.

Every rule is over the last 60 s, and needs both of its conditions. A problem leaves the list by itself when they no
longer hold. The worst come first, then those that hurt the most requests, then by name.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from statistics import median
from typing import Final
from urllib.parse import parse_qs, quote

from noderouter.admin.dashboard.numbers import duration, percent, plural, rate, seconds
from noderouter.admin.dashboard.seen import WINDOW_SLOTS, Call, Client, Endpoint, Seen, Service, Values
from noderouter.admin.dashboard.surroundings import surroundings
from noderouter.admin.dashboard.view import ORDER, Problem, State

FAILING: Final = 99.0
"""Percent of success below which a service or client is failing..."""
ENDPOINT_FAILING: Final = 95.0
"""...and an endpoint is..."""
FAILURES: Final = 5
"""...with at least so many failures."""
CAUSE: Final = 0.8
"""An endpoint that makes this share of its client's failures is the cause, if its siblings are well."""
ALIKE: Final = 1.5
"""Endpoints fail alike where none fails more than so many times the share of another."""
SLOWER: Final = 3.0
"""Slow: p99 is more than so many times the median of the ten minutes before, or of its siblings..."""
SLOW_MS: Final = 250.0
"""...and above this."""
KNOWN_SLOTS: Final = 6
"""Slots of the past that a median is made of at least: before that nobody knows what is usual."""


def problems(seen: Seen) -> tuple[Problem, ...]:
    """Return everything that is wrong or to be known, the worst first."""
    return ranked(problem for step in walk(seen) for problem in step)


def ranked(found: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return problems in their order."""
    return tuple(sorted(found, key=lambda each: (ORDER[each.state], -each.hurt, each.what)))


def walk(seen: Seen) -> Iterator[list[Problem]]:
    """Yield the problems of one thing after the other, in short steps: there may be thousands of things."""
    blamed: set[tuple[str, str]] = set()
    slow: set[tuple[str, str]] = set()
    for service in seen.services:
        step = []
        for problem, cause in _of_service(service, seen.clients_of(service), seen):
            step.append(problem)
            if cause is not None:
                blamed.add((cause.router, cause.key))
            if problem.word == "slow":
                slow.add((service.router, service.name))
        yield step
    several = len(seen.routers) > 1
    for client in seen.clients:
        yield list(_of_client(client, seen.users(client), blamed, slow, several))
    yield list(surroundings(seen))


def is_failing(service: Service) -> bool:
    """Whether a service fails too many of its requests."""
    success = service.figures.success
    return success is not None and success < FAILING and service.figures.failures >= FAILURES


def is_refused(service: Service, seen: Seen) -> bool:
    """Whether too many requests for a service fail before it gets them, at limits and policies.

    Not those that it gets and that fail on the way back, such as downloads that callers break off.
    """
    asked, got = seen.asked(service), service.figures
    kept = min(asked.requests - got.requests, asked.failures - got.failures)
    return kept >= FAILURES and 100.0 * kept > (100.0 - FAILING) * asked.requests


def endpoint_fails(endpoint: Endpoint) -> bool:
    """Whether an endpoint does."""
    success = endpoint.figures.success
    return success is not None and success < ENDPOINT_FAILING and endpoint.figures.failures >= FAILURES


def usual(values: Values) -> float | None:
    """Return the median of what was before the last 60 s; None where too little is known."""
    past = [value for value in values[:-WINDOW_SLOTS] if value is not None]
    return median(past) if len(past) >= KNOWN_SLOTS else None


def is_slow(service: Service) -> bool:
    """Whether a service is much slower than it was."""
    p99 = service.figures.p99
    if p99 is None or p99 <= SLOW_MS:
        return False
    before = before_of(service)
    return before is not None and p99 > SLOWER * before


def before_of(service: Service) -> float | None:
    """Return the p99 that is usual of a service."""
    return usual(service.course.p99) if service.usual is None else service.usual


def slow_endpoint(endpoint: Endpoint, client: Client) -> bool:
    """Whether an endpoint is much slower than the others of its client, by the means of their latencies."""
    mean = endpoint.mean_ms
    if mean is None or mean <= SLOW_MS:
        return False
    others = usual_beside(mean, client)
    return others is not None and mean > SLOWER * others


def usual_beside(mean: float, client: Client) -> float | None:
    """Return the median of a client's means without one that is `mean`; None where there is no other."""
    means = client.means
    last = len(means) - 2  # of the others
    if last < 0:
        return None
    left_out = bisect_left(means, mean)
    low, high = (means[place + (place >= left_out)] for place in (last // 2, (last + 1) // 2))
    return (low + high) / 2


def endpoint_state(endpoint: Endpoint, client: Client) -> tuple[State, str]:
    """Return how an endpoint is, and the word for it."""
    if endpoint.out:
        return State.WARN, endpoint.out
    if endpoint_fails(endpoint):
        return State.BAD, "failing"
    if slow_endpoint(endpoint, client):
        return State.WARN, "slow"
    return State.OK, "ok"


def service_state(service: Service, seen: Seen) -> tuple[State, str]:
    """Return how a service is, and the word for it."""
    if is_failing(service):
        return State.BAD, "failing"
    if is_refused(service, seen):
        return State.BAD, "refused"
    clients = seen.clients_of(service)
    if any(each.endpoints and 2 * each.serving < len(each.endpoints) for each in clients):
        return State.BAD, "ejected"
    if is_slow(service):
        return State.WARN, "slow"
    if any(each.serving < len(each.endpoints) for each in clients):
        return State.WARN, "ejected"
    if len(service.branches) > 1:
        return State.INFO, "canary"
    return State.OK, "ok"


def culprit(client: Client) -> Endpoint | None:
    """Return the one endpoint that makes a client's failures, its siblings being well; None where there is no such."""
    failing = [each for each in client.endpoints if endpoint_fails(each)]
    failures = sum(each.figures.failures for each in client.endpoints)
    if len(failing) != 1 or len(client.endpoints) < 2 or failing[0].figures.failures < CAUSE * failures:
        return None
    return failing[0]


def answers(endpoint: Endpoint) -> str:
    """Return what an endpoint does to its requests: `answers 503 to 61 % of its requests`."""
    figures = endpoint.figures
    share = 100.0 * figures.failures / figures.requests if figures.requests else 0.0
    shown = f"{share:.0f} %" if share >= 1 else f"{share:.1f} %"
    kinds = Counter(each.what for each in endpoint.errors)
    what, number = kinds.most_common(1)[0] if kinds else ("", 0)
    if len(kinds) == 1 and what.isdigit():
        return f"answers {what} to {shown} of its requests"
    most = f", mostly with {what}" if 2 * number > len(endpoint.errors) else ""
    return f"fails {shown} of its requests{most}"


def short(name: str) -> str:
    """Return a name as a sentence has it: `/svc/cart.shop` is `cart.shop`, of a bound name the last part counts."""
    return name.rpartition("/")[2] if name.startswith("/#/") else name.removeprefix("/svc/").removeprefix("/")


def at(path: str, /, **query: str) -> str:
    """Return an address with its query; everything in it is quoted."""
    pairs = "&".join(f"{key}={quote(value, safe='/:.,')}" for key, value in query.items() if value)
    return f"{path}?{pairs}" if pairs else path


def client_of(path: str) -> str:
    """Return the client in the address of its endpoints."""
    return parse_qs(path.partition("?")[2]).get("client", [""])[0]


def _of_service(service: Service, clients: list[Client], seen: Seen) -> Iterator[tuple[Problem, Endpoint | None]]:
    router = service.router
    path = at("/service", name=service.name, router=router if len(seen.routers) > 1 else "")
    figures = service.figures
    if is_failing(service):
        course = service.course
        said, cause = _why_failing(service, clients)
        first = f"{percent(figures.success)} % of {rate(figures.rate)}/s succeed."
        since = _since(course.failures, seen.at, lambda value: value > 100 - FAILING)
        yield (
            Problem(State.BAD, "failing", service.name, f"{first} {said}", path, since, figures.failures / 60, router),
            cause,
        )
    elif is_refused(service, seen):
        asked = seen.asked(service)
        said = f"{percent(asked.success)} % of {rate(asked.rate)}/s succeed. {_why_refused(service, asked.requests)}"
        yield Problem(State.BAD, "refused", service.name, said, path, None, asked.failures / 60, router), None
    elif is_slow(service):
        course = service.course
        before = before_of(service)
        assert before is not None
        since = _since(course.p99, seen.at, lambda value: value > SLOWER * before)
        said, cause = _why_slow(service, clients, seen.calls)
        first = f"p99 {seconds(figures.p99)}, before {seconds(before)}."
        yield Problem(State.WARN, "slow", service.name, f"{first} {said}", path, since, figures.rate, router), cause
    if len(service.branches) > 1 and figures.requests:
        names = at("/names", path=service.name, router=router if len(seen.routers) > 1 else "")
        yield Problem(State.INFO, "canary", service.name, _canary(service), names, router=router), None


def _why_refused(service: Service, asked: int) -> str:
    got = f"{service.figures.requests} of {asked} requests of the last 60 s came to it; the rest failed in this router"
    if service.refused:
        return f"{got}. Its limit on requests at a time has refused {service.refused:,.0f} since the start."
    return f"{got}, which has asked no endpoint for them: see its limits and policies."


def _why_failing(service: Service, clients: list[Client]) -> tuple[str, Endpoint | None]:
    failures = sum(each.figures.failures for client in clients for each in client.endpoints)
    for client in clients:
        cause = culprit(client)
        if cause is not None and cause.figures.failures >= CAUSE * failures:
            which = f"One endpoint of {len(client.endpoints)}, {cause.address}"
            return f"{which}, {answers(cause)}; {_beside(cause, client)}.", cause
    empty = [client for client in clients if not client.endpoints]
    if clients and len(empty) == len(clients):
        why = f" ({empty[0].trouble})" if empty[0].trouble else ""
        return f"{short(empty[0].name)} has no endpoint{why}.", None
    if not clients:
        worst = max(service.errors.items(), key=lambda each: each[1], default=("", 0))[0]
        return f"No request reached an endpoint{f'; most often since the start: {worst}' if worst else ''}.", None
    failing = [each for client in clients for each in client.endpoints if endpoint_fails(each)]
    number = sum(len(client.endpoints) for client in clients)
    if number == 1 and failing:
        return f"Its only endpoint, {failing[0].address}, {answers(failing[0])}.", failing[0]
    if failing and len(failing) == number and _alike(failing):
        kinds = {each.what for each in failing[0].errors}
        what = f" with {kinds.pop()}" if len(kinds) == 1 else ""
        return f"All {number} endpoints fail alike{what}, so look behind it.", None
    if failing:
        most = max(failing, key=lambda each: each.figures.failures).address
        if len(failing) == 1:
            return f"{most} fails most, but the others fail, too.", None
        return f"{len(failing)} of {number} endpoints fail, most {most}.", None
    return "No endpoint stands out.", None


def _beside(cause: Endpoint, client: Client) -> str:
    """What the siblings of the one that is the cause do."""
    others = [each for each in client.endpoints if each is not cause]
    out = sum(bool(each.out) for each in others)
    if out:
        return f"{out} of the other {len(others)} {'gets' if out == 1 else 'get'} no requests"
    if sum(each.figures.failures for each in others):
        return "the others hardly fail"
    return "the other fails none" if len(others) == 1 else f"the other {_words(len(others))} fail none"


def _alike(endpoints: list[Endpoint]) -> bool:
    """Whether they fail in the same ways, and about as often."""
    shares = [each.figures.failures / each.figures.requests for each in endpoints if each.figures.requests]
    kinds = [frozenset(each.what for each in endpoint.errors) for endpoint in endpoints]
    return max(shares) <= ALIKE * min(shares) and len(set(kinds)) == 1


def _why_slow(service: Service, clients: list[Client], calls: Iterable[Call]) -> tuple[str, Endpoint | None]:
    endpoints = [each for client in clients for each in client.endpoints if not each.out]
    for client in clients:
        for each in client.endpoints:
            if slow_endpoint(each, client):
                return f"One endpoint of {len(client.endpoints)}, {each.address}, is slower than the others.", each
    behind = sorted({short(call.service) for call in calls if call.source == short(service.name)})
    where = f"look behind it: {', '.join(behind[:3])}" if behind else "look behind it"
    if len(endpoints) > 1:
        return f"All {len(endpoints)} endpoints alike, so {where}.", None
    return "It has one endpoint." if endpoints else f"No endpoint serves it; {where}.", None


def _canary(service: Service) -> str:
    branches = sorted(service.branches, key=lambda each: each.share)
    small, large = branches[0], branches[-1]
    said = f"{small.share * 100:.3g} % go to {short(small.client)}"
    if small.figures.success is None:
        return f"{said}; none did in the last 60 s."
    said += f": {percent(small.figures.success)} % succeed there, {percent(large.figures.success)} % elsewhere"
    if small.figures.p99 is not None and large.figures.p99 is not None:
        said += f"; p99 {seconds(small.figures.p99)} against {seconds(large.figures.p99)}"
    return said + "."


def _of_client(
    client: Client, users: list[Service], blamed: set[tuple[str, str]], slow: set[tuple[str, str]], several: bool
) -> Iterator[Problem]:
    of = short(users[0].name if len(users) == 1 else client.name)
    number = len(client.endpoints)
    out = [each for each in client.endpoints if each.out]
    router = client.router
    path = at("/endpoints", client=client.name, router=router if several else "")
    if out:
        lost = sum(each.figures.failures for each in users)
        state = State.BAD if 2 * client.serving < number else State.WARN
        what = out[0].address if len(out) == 1 else f"{len(out)} of {of}"
        rest = f"{client.serving} of {number} serve{'' if lost else ', no request lost'}."
        yield Problem(
            state, "ejected", what, f"{of}: {why_out(out[0])}. {rest}", path, None, client.figures.rate, router
        )
    for each in client.endpoints:
        fails = endpoint_fails(each)
        if each.out or not (fails or slow_endpoint(each, client)) or (router, each.key) in blamed:
            continue
        if fails and not any(is_failing(user) for user in users):
            good = " Retries make it good." if any(user.retries for user in users) else ""
            said = f"{of}: {answers(each)}.{good}"
            yield Problem(State.BAD, "failing", each.address, said, path, None, each.figures.failures / 60, router)
        elif slow_endpoint(each, client) and not slow.intersection((router, user.name) for user in users):
            others = usual_beside(each.mean_ms or 0.0, client)
            said = f"{of}: {seconds(each.mean_ms)} on average, its siblings {seconds(others)}."
            yield Problem(State.WARN, "slow", each.address, said, path, None, each.figures.rate, router)


def why_out(endpoint: Endpoint) -> str:
    """Return why an endpoint gets no requests, and when it is tried again."""
    last = endpoint.errors[0].what if endpoint.errors else ""
    why = f"last error {last}" if last else "its failures"
    again = f"probed again in {duration(endpoint.back_in)}" if endpoint.back_in > 0 else "being probed"
    return f"{why}; {again}"


def _since(values: Values, now: float, holds: Callable[[float], bool]) -> float | None:
    """Return when the row of slots began, up to now, in which something holds; None where it does not in the last."""
    row = 0
    for value in reversed(values):
        if value is None or not holds(value):
            break
        row += 1
    return now - 10.0 * row if row else None


def _words(number: int) -> str:
    return {2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}.get(number, str(number))


def counted(found: Iterable[Problem]) -> str:
    """Return how many things are wrong, and how many to be watched: `2 wrong, 2 to watch`."""
    states = Counter(each.state for each in found)
    wrong, watch = states[State.BAD], states[State.WARN]
    if not wrong and not watch:
        return "nothing is wrong"
    return ", ".join([f"{wrong} wrong"] * bool(wrong) + [f"{watch} to watch"] * bool(watch))


def headline(found: Iterable[Problem]) -> str:
    """Return the same as the title of a page: `2 things are wrong, 2 to watch`."""
    states = Counter(each.state for each in found)
    wrong, watch = states[State.BAD], states[State.WARN]
    if not wrong:
        return f"Nothing is wrong, {watch} to watch" if watch else "Nothing is wrong"
    first = f"{plural(wrong, 'thing is', 'things are')} wrong"
    return f"{first}, {watch} to watch" if watch else first
