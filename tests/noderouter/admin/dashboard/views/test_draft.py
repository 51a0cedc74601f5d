"""A draft: its difference, what it would do to the requests of the last minutes, and the command that applies it."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dtab import Dtab
from noderouter.admin.config import SecurityConfig
from noderouter.admin.dashboard.view import Facts, State, Table, View, Words
from noderouter.admin.dashboard.views import names
from noderouter.admin.dashboard.views.draft import application, difference, text_of
from noderouter.admin.state import AdminState
from noderouter.naming.interpreter.stored import StoredDtab
from noderouter.naming.interpreter.whatif import Comparison
from tests.noderouter.admin.conftest import FakeRouter, MakeState
from tests.testing.dashboard import CANARY, DTAB, WEB, Shown, compared, healthy

DRAFT = Dtab.parse("/k8s => /#/nowhere ; /svc => 3*/k8s/a & /k8s/$'b | !; # END\n".replace("$'", "\\x24\\x27"))


@pytest.fixture
def router() -> FakeRouter:
    router = FakeRouter(dtab=DTAB)
    router.compared = compared()
    return router


@pytest.fixture
def state(make_state: MakeState, router: FakeRouter) -> AdminState:
    return make_state(routers={"out": router}, looker=Shown(healthy()))


async def shown(state: AdminState, **query: str) -> View:
    return await names.view(state, {"path": "/svc/web.shop", "dtab": "/svc => /x", **query})


def parts(view: View, key: str) -> list[Any]:
    return [each for each in view.parts if getattr(each, "key", "") == key]


async def test_what_a_draft_moves(state: AdminState) -> None:
    view = await shown(state)
    (facts,) = parts(view, "traffic")
    assert isinstance(facts, Facts)
    assert [(each.name, each.state, each.word, each.text) for each in facts.facts] == [
        ("moved", State.INFO, "moves", "33.7 % of 300.0 req/s, 2 of 4 names"),
        ("nowhere", State.BAD, "fails", "16 % would lead nowhere; 0 % do now"),
        ("not known", State.WARN, "unknown", "1 name in time"),
        ("left out", State.WARN, "unknown", "7 names, the least busy"),
    ]
    (table,) = parts(view, "changed")
    assert isinstance(table, Table)
    assert [(row.key, row.state, row.cells["word"], row.cells["moves"]) for row in table.rows] == [
        ("/svc/web.shop", State.INFO, "move", 25.0),
        ("/svc/cart.shop", State.BAD, "fail", 100.0),
        ("/svc/search.shop", State.WARN, "unknown", None),
    ]
    assert [row.cells["then"] for row in table.rows] == [
        f"75 % {WEB}, 25 % {CANARY}",
        "nowhere: no such name",
        "not known in time",
    ]
    assert len(parts(await shown(state, n="2"), "changed")[0].rows) == 2


async def test_a_draft_that_moves_nothing(state: AdminState, router: FakeRouter) -> None:
    assert router.compared is not None
    router.compared = Comparison((router.compared.looked_at[2],), 0)
    view = await shown(state)
    (facts,) = parts(view, "traffic")
    assert [(each.state, each.text) for each in facts.facts] == [(State.OK, "nothing of 40.0 req/s; 1 name")]
    assert parts(view, "changed") == []
    router.compared = Comparison((), 0)
    assert parts(await shown(state), "traffic")[0].facts[0].word == "none"
    router.compared = None
    assert "no dtab is in effect" in parts(await shown(state), "traffic")[0].facts[0].text


async def test_nothing_is_compared_where_what_if_is_closed(make_state: MakeState, router: FakeRouter) -> None:
    closed = make_state(
        routers={"out": router}, looker=Shown(healthy()), security=SecurityConfig(diagnosticsEnabled=False)
    )
    assert parts(await shown(closed), "traffic") == parts(await shown(closed), "changed") == []


def test_a_difference_is_bounded() -> None:
    long = Dtab.parse("".join(f"/a{n} => /b ;" for n in range(300)))
    assert difference("", long).text.splitlines()[-1] == "..."
    assert difference(text_of(long), long).text == "no difference"


KUBECTL = shutil.which("kubectl") or next(
    map(str, Path("~/.cache/noderouter/cluster-tools").expanduser().glob("**/kubectl")), None
)


@pytest.mark.skipif(KUBECTL is None, reason="no kubectl: make cluster-tools")
@pytest.mark.parametrize("draft", [DRAFT, Dtab.EMPTY], ids=["some", "empty"])
def test_the_command_for_a_config_map_as_a_shell_takes_it(tmp_path: Path, draft: Dtab) -> None:
    assert KUBECTL is not None
    words = application(StoredDtab("ConfigMap my mesh/noderouter-dtab:out.dtab"), draft)
    assert words.copy
    assert "'my mesh' patch configmap noderouter-dtab" in words.text
    there = tmp_path / "there.yaml"
    there.write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: noderouter-dtab, namespace: my mesh}\n"
        "data: {out.dtab: old, other: kept}\n"
    )
    # The real kubectl, on a file in the place of an API server.
    lines = words.text.replace("configmap noderouter-dtab", f"--local -o json -f {there}", 1)
    environment = {"PATH": f"{Path(KUBECTL).parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    ran = subprocess.run(["sh", "-c", lines], capture_output=True, text=True, env=environment, check=False, timeout=60)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["data"] == {"out.dtab": text_of(draft), "other": "kept"}


def test_the_command_for_a_file_as_a_shell_takes_it(tmp_path: Path) -> None:
    place = tmp_path / "dtab of 'mine'"
    place.write_text("old")
    words: Words = application(StoredDtab(str(place)), DRAFT)
    subprocess.run(["sh", "-c", words.text], check=True, timeout=60)
    assert place.read_text() == text_of(DRAFT)
    assert [each.name for each in tmp_path.iterdir()] == [place.name]


def test_a_dtab_of_the_configuration_is_changed_there() -> None:
    assert application(None, DRAFT).text.startswith("# The dtab is in the configuration")
