"""The examples of docs/policy.md mean what the tables below them say."""

import re
from pathlib import Path

import pytest

from noderouter.policy.compile import Compiled, rules_for
from noderouter.policy.model import Policies, parse_policies
from noderouter.policy.paths import readable
from noderouter.policy.workloads import Source, Workload

PAGE = (Path(__file__).resolve().parents[2] / "docs/policy.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$(.*?)(?=^```yaml|^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| `([^`]+)` \| (?:`(\w+) ([^`]+)`|a flow) \| (let through|(\d+), `([^`]+)`) \|$", re.MULTILINE)
WEB = Workload("prod", "web-1", "prod/web", frozenset({("app", "web")}))
ASKED = [(text, row) for text, below in EXAMPLES for row in ROW.findall(below)]


def test_there_are_examples():
    assert len(EXAMPLES) == 3
    assert len(ASKED) == 13
    for text, _ in EXAMPLES:
        assert isinstance(parse_policies(text), Policies), text


@pytest.mark.parametrize(("text", "row"), ASKED, ids=[" ".join(row[:3]) for _, row in ASKED])
def test_each_answer(text, row):
    who, method, path, answer, status, name = row
    namespace, slash, account = who.partition("/")
    source = Source("10.1.0.1", Workload(namespace, account, who)) if slash else Source(who)
    policies = parse_policies(text)
    assert isinstance(policies, Policies)
    rules = rules_for(Compiled(policies).selecting(WEB, ["10.1.0.9"]), source, WEB, "10.1.0.9", 8080)
    refusal = rules.judge(method.encode(), path.encode(), None, not method)
    if answer == "let through":
        assert refusal is None
    else:
        assert refusal is not None
        assert (refusal.status, refusal.policy) == (int(status), name)


REFUSED = re.findall(r"^\| (`/.*) \| .* \|$", PAGE.partition("## Paths")[2].partition("## ")[0], re.MULTILINE)


@pytest.mark.parametrize("path", re.findall(r"`(/[^`]*)`", " ".join(REFUSED)))
def test_what_has_two_readings(path):
    assert readable(path.encode()) is None
