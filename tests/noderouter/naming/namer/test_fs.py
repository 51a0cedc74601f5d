import os
import random

import pytest
import trio
from pydantic import ValidationError

from dtab import NEG, Bound, Dtab, Ok, Path
from noderouter.core.addr import OPERATOR, Addr, AddrBound, Address, AddrFailed, AddrNeg
from noderouter.core.background import until
from noderouter.core.computed import Reading
from noderouter.core.var import Var
from noderouter.naming.binding import Binding
from noderouter.naming.interpreter.default import Default
from noderouter.naming.interpreter.interpreter import Interpreter, Sources
from noderouter.naming.namer import fs
from noderouter.naming.namer.fs import Fs, FsNamer
from noderouter.naming.namer.kind import NamerKind
from noderouter.naming.utility import UtilityNamer
from noderouter.schema.kind import kind_field
from tests.testing.busy import PATIENCE_SECONDS


@pytest.fixture
def root(tmp_path):
    (tmp_path / "disco").mkdir()
    return tmp_path / "disco"


@pytest.fixture
async def namer(runtime, root) -> FsNamer:
    return Fs(kind="io.l5d.fs", rootDir=str(root)).build(runtime)


@pytest.fixture
def reading():
    instance = Reading()
    yield instance
    instance.release()


def path(text: str) -> Path:
    return Path.parse(text)


def at(*addresses: tuple[str, int] | tuple[str, int, float]) -> AddrBound:
    return AddrBound(frozenset(Address(*address, origin=OPERATOR) for address in addresses))


def found(namer: FsNamer, reading: Reading, name: str) -> Bound:
    answer = namer.lookup(path(name), reading)
    assert isinstance(answer, Ok)
    (bound,) = answer.tree.leaves()
    return bound


async def wait_for(var: Var[Addr], addr: Addr) -> None:
    with trio.fail_after(PATIENCE_SECONDS):
        await until(var, lambda now: now == addr)


def replace(file, text: str) -> None:
    beside = file.with_name(".new")
    beside.write_text(text)
    beside.rename(file)


async def test_a_file_is_a_name_and_the_rest_is_residual(namer, root, reading):
    (root / "web").write_text("10.0.0.1 80\n")
    bound = found(namer, reading, "/web/a/b")
    assert (bound.id.show(), bound.residual.show(), bound.weight) == ("/#/io.l5d.fs/web", "/a/b", 1.0)
    bound.addr.hold()
    assert bound.addr.value == at(("10.0.0.1", 80))
    bound.addr.release()


async def test_names_may_nest(namer, root, reading):
    (root / "eu" / "west").mkdir(parents=True)
    (root / "eu" / "west" / "web").write_text("10.0.0.1 80\n")
    assert found(namer, reading, "/eu/west/web/rest").id.show() == "/#/io.l5d.fs/eu/west/web"
    for name in ("/eu", "/eu/west", "/eu/west/none", "/eu/east/web", "/"):
        assert namer.lookup(path(name), reading) == Ok(NEG)


async def test_a_file_that_appears_is_seen_and_one_that_goes_is_neg(namer, root):
    async def becomes(known: bool) -> None:
        with trio.fail_after(PATIENCE_SECONDS):
            await until(binding, lambda result: (result != Ok(NEG)) == known)

    binding = Binding(path("/web"), None, lambda name, local, reading: namer.lookup(name, reading))
    binding.hold()
    assert binding.result == Ok(NEG)
    (root / "web").write_text("10.0.0.1 80")
    await becomes(True)
    (root / "web").unlink()
    await becomes(False)
    (root / "web").mkdir()
    (root / "web").rmdir()
    replace(root / "web", "10.0.0.1 80")
    await becomes(True)
    binding.release()
    assert namer.nodes == {}


async def test_addresses_change_without_binding_again(namer, root):
    (root / "web").write_text("10.0.0.1 80")
    binding = Binding(path("/web"), None, lambda name, local, reading: namer.lookup(name, reading))
    binding.hold()
    (bound,) = binding.result.tree.leaves()
    version = binding.version
    replace(root / "web", "10.0.0.2 80 * 0.5")
    await wait_for(bound.addr, at(("10.0.0.2", 80, 0.5)))
    (root / "web").write_text("10.0.0.3 80")
    await wait_for(bound.addr, at(("10.0.0.3", 80)))
    replace(root / "web", "# nobody\n")
    await wait_for(bound.addr, AddrBound(frozenset()))
    assert binding.version == version
    binding.release()


async def test_a_malformed_file_keeps_what_was_good(namer, root, log):
    (root / "web").write_text("10.0.0.1 80")
    reading = Reading()
    bound = found(namer, reading, "/web")
    bound.addr.hold()
    replace(root / "web", "10.0.0.2 80\noops")
    with trio.fail_after(PATIENCE_SECONDS):
        while namer.nodes[b"web",].last_error is None:
            await trio.sleep(0.01)
    assert bound.addr.value == at(("10.0.0.1", 80))
    assert log.events == ["fs.invalid"]
    assert log.fields[0] == {
        "name": "/#/io.l5d.fs/web",
        "reason": "line 2: expected `host port` or `host port * weight`, found 'oops'",
        "kept_last_good": True,
    }
    replace(root / "web", "10.0.0.2 80")
    await wait_for(bound.addr, at(("10.0.0.2", 80)))
    assert log.events == ["fs.invalid", "fs.recovered"]
    bound.addr.release()
    reading.release()


async def test_a_file_that_was_never_good_is_failed_and_does_not_fall_back(namer, root, reading):
    (root / "web").write_text("oops")
    bound = found(namer, reading, "/web")
    bound.addr.hold()
    assert isinstance(bound.addr.value, AddrFailed)
    assert bound.addr.value.cause.startswith("/web: line 1: expected")
    replace(root / "web", "10.0.0.1 80")
    await wait_for(bound.addr, at(("10.0.0.1", 80)))
    (root / "web").unlink()
    await wait_for(bound.addr, AddrNeg())
    replace(root / "web", "oops")
    with trio.fail_after(PATIENCE_SECONDS):
        await until(bound.addr, lambda addr: isinstance(addr, AddrFailed))
    bound.addr.release()


async def test_a_file_that_is_too_large_is_failed(namer, root, reading):
    (root / "web").write_text("# " + "x" * 500 * 1024)
    bound = found(namer, reading, "/web")
    bound.addr.hold()
    assert bound.addr.value == AddrFailed("/web: larger than 512000 bytes")
    bound.addr.release()


async def test_host_names_are_resolved(namer, root, reading, dns):
    dns.answers["web.example"] = frozenset({"10.0.0.1", "10.0.0.2"})
    (root / "web").write_text("web.example 80 * 0.5\n10.0.0.3 81\nnone.example 80\n")
    bound = found(namer, reading, "/web")
    bound.addr.hold()
    looked_up = {Address("10.0.0.1", 80, 0.5), Address("10.0.0.2", 80, 0.5)}  # what DNS says nobody has written down
    await wait_for(bound.addr, AddrBound(at(("10.0.0.3", 81)).addresses | looked_up))
    (root / "other").write_text("none.example 80")
    other = found(namer, reading, "/other")
    await wait_for(other.addr, AddrNeg())
    bound.addr.release()


@pytest.mark.parametrize(
    "labels",
    [(b"..", b"secret"), (b".",), (b".hidden",), (b"../secret",), (b"/etc/passwd",), (b"web\0",), (b"x" * 256,)],
)
async def test_labels_that_are_no_file_names_are_never_looked_for(namer, root, reading, runtime, labels):
    (root.parent / "secret").write_text("10.0.0.1 80")
    (root / ".hidden").write_text("10.0.0.1 80")
    assert namer.lookup(Path(labels), reading) == Ok(NEG)
    assert runtime.files.state()["files"] == 0


async def test_links_inside_are_followed_and_links_that_lead_out_are_refused(namer, root, reading):
    (root.parent / "secret").write_text("10.0.0.1 80")
    (root / "web").write_text("10.0.0.1 80")
    (root / "alias").symlink_to("web")
    (root / "escape").symlink_to("../secret")
    (root / "out").symlink_to("..")
    bound = found(namer, reading, "/alias")
    bound.addr.hold()
    assert bound.addr.value == at(("10.0.0.1", 80))
    bound.addr.release()
    for name in ("/escape", "/out/secret"):
        bound = found(namer, reading, name)
        bound.addr.hold()
        assert isinstance(bound.addr.value, AddrFailed)
        assert f"leads outside of {root}" in bound.addr.value.cause
        bound.addr.release()
    assert [name.show() for name in namer.names()] == ["/#/io.l5d.fs/alias", "/#/io.l5d.fs/web"]


async def test_the_depth_is_bounded(namer, root, reading):
    deep = root
    for _ in range(fs.MAX_DEPTH):
        deep = deep / "d"
        deep.mkdir()
    (deep / "web").write_text("10.0.0.1 80")
    assert namer.lookup(Path((b"d",) * fs.MAX_DEPTH + (b"web",)), reading) == Ok(NEG)
    assert namer.names() == []


async def test_names_are_listed_once_and_not_without_end(namer, root, monkeypatch):
    (root / "b" / "c").mkdir(parents=True)
    for name in ("web", "b/api", "b/c/db", ".hidden", "b/.new"):
        (root / name).write_text("")
    (root / "b" / "loop").symlink_to("..")
    (root / "b" / "gone").symlink_to("nowhere")
    os.mkfifo(root / "fifo")
    names = ["/#/io.l5d.fs/b/api", "/#/io.l5d.fs/b/c/db", "/#/io.l5d.fs/web"]
    assert sorted(name.show() for name in namer.names()) == names
    monkeypatch.setattr(fs, "MAX_NAMES", 2)
    assert len(namer.names()) == 2


async def test_without_its_directory_nothing_is_known_until_it_appears(namer, root):
    root.rmdir()
    binding = Binding(path("/web"), None, lambda name, local, reading: namer.lookup(name, reading))
    binding.hold()
    assert binding.result == Ok(NEG)
    assert namer.names() == []
    root.mkdir()
    (root / "web").write_text("10.0.0.1 80")
    with trio.fail_after(PATIENCE_SECONDS):
        await until(binding, lambda result: result != Ok(NEG))
    binding.release()


async def test_what_nobody_needs_is_not_watched(namer, root, runtime):
    (root / "dir").mkdir()
    for number in range(100):
        (root / "dir" / f"web{number}").write_text("10.0.0.1 80")
    readings = []
    for number in range(100):
        reading = Reading()
        bound = found(namer, reading, f"/dir/web{number}")
        reading.keep(bound.addr)
        readings.append(reading)
    assert len(namer.nodes) == runtime.files.state()["files"] == 101
    kept = bound.addr
    kept.hold()
    for reading in readings:
        reading.release()
    assert list(namer.nodes) == [(b"dir", b"web99")]
    kept.release()
    assert (namer.nodes, runtime.files.state()) == ({}, {"files": 0, "directories": 0, "polled": 0})


async def test_a_client_that_outlives_its_binding_still_follows(namer, root):
    """Two watches of one file may be open at once; each closes its own."""
    (root / "web").write_text("10.0.0.1 80")
    reading = Reading()
    old = found(namer, reading, "/web").addr
    reading.release()
    reading = Reading()
    new = found(namer, reading, "/web").addr
    reading.keep(new)
    old.hold()
    assert old is not new
    replace(root / "web", "10.0.0.2 80")
    await wait_for(new, at(("10.0.0.2", 80)))
    await wait_for(old, at(("10.0.0.2", 80)))
    reading.release()
    old.release()
    assert namer.nodes == {}


async def test_the_last_of_many_edits_counts_for_every_name(namer, root):
    rng = random.Random(7)
    reading = Reading()
    addrs = {}
    for name in ("a", "b", "c"):
        (root / name).write_text("10.0.0.1 1")
        addrs[name] = found(namer, reading, f"/{name}").addr
        reading.keep(addrs[name])
    last = {}
    for number in range(1, 150):
        name = rng.choice("abc")
        last[name] = number
        (replace if rng.random() < 0.5 else type(root).write_text)(root / name, f"10.0.0.1 {number}")
        if rng.random() < 0.1:
            await trio.lowlevel.checkpoint()
    for name, number in last.items():
        await wait_for(addrs[name], at(("10.0.0.1", number)))
    reading.release()


async def test_the_state_shows_what_is_watched_and_wrong(namer, root, reading):
    (root / "web").write_text("oops")
    found(namer, reading, "/web")
    namer.lookup(path("/none"), reading)
    state = namer.state()
    assert state["rootDir"] == str(root)
    assert state["names"]["/none"] == {"is": "nothing", "error": None, "holders": 0}
    assert state["names"]["/web"]["error"].startswith("line 1")


async def test_a_dtab_falls_back_from_a_missing_file_but_not_from_a_malformed_one(runtime, root):
    namer = kind_field(NamerKind, "noderouter.naming.namer").validate(
        {"kind": "io.l5d.fs", "rootDir": str(root), "prefix": "/disk"}
    )
    sources = Sources(
        Var(Dtab.parse("/svc => /$/inet/1; /svc => /#/disk")), [namer.build(runtime)], UtilityNamer(runtime.resolver)
    )
    interpreter: Interpreter = Default(kind="default").build(runtime, sources)
    binding = Binding(path("/svc/web"), None, interpreter.bind)
    binding.hold()

    async def leads_to(name: str) -> None:
        with trio.fail_after(PATIENCE_SECONDS):
            await until(binding, lambda result: [leaf.id.show() for leaf in result.tree.leaves()] == [name])

    await leads_to("/$/inet/1")
    replace(root / "web", "10.0.0.1 80")
    await leads_to("/#/disk/web")
    (root / "web").unlink()
    await leads_to("/$/inet/1")
    replace(root / "web", "oops")
    await leads_to("/#/disk/web")
    binding.release()


def test_the_root_is_required_and_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Fs(kind="io.l5d.fs", rootDir="disco").rootDir == str(tmp_path / "disco")
    for keys in ({}, {"rootDir": ""}, {"rootDir": 5}):
        with pytest.raises(ValidationError):
            Fs(kind="io.l5d.fs", **keys)
