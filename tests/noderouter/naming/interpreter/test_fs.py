from dataclasses import replace
from threading import get_ident

import pytest
import trio
from pydantic import ValidationError

from dtab import Dtab, Failed, Path
from noderouter.core.background import until
from noderouter.core.readiness import Readiness
from noderouter.core.var import Var
from noderouter.naming.binding import Binding
from noderouter.naming.files.content import MAX_FILE_BYTES
from noderouter.naming.interpreter.fs import Fs, FsInterpreter
from noderouter.naming.interpreter.interpreter import Sources
from noderouter.naming.interpreter.stored import DTAB
from noderouter.naming.utility import UtilityNamer
from tests.testing.busy import PATIENCE_SECONDS


class Routed:
    """An interpreter with a dtab file, and a binding of `/svc/web` through it."""

    def __init__(self, runtime, path) -> None:
        self.path = path
        sources = Sources(Var(Dtab.parse("/svc => /file")), [], UtilityNamer(runtime.resolver))
        interpreter = Fs(kind="io.l5d.fs", dtabFile=str(path)).build(runtime, sources)
        assert isinstance(interpreter, FsInterpreter)
        self.interpreter = interpreter
        self.binding = Binding(Path.parse("/svc/web"), None, interpreter.bind)
        self.binding.hold()

    @property
    def leads_to(self) -> list[str]:
        result = self.binding.result
        return [result.message] if isinstance(result, Failed) else [leaf.id.show() for leaf in result.tree.leaves()]

    async def becomes(self, *ids: str) -> None:
        with trio.fail_after(PATIENCE_SECONDS):
            await until(self.binding, lambda _: self.leads_to == list(ids))

    async def refuses(self, part: str) -> None:
        """The file's content is not in effect, and `part` is in the reason."""
        with trio.fail_after(PATIENCE_SECONDS):
            while part not in str(self.interpreter.last_error):
                await trio.sleep(0.01)

    def write(self, text: str) -> None:
        beside = self.path.with_name(".new")
        beside.write_text(text)
        beside.rename(self.path)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "dtab"


async def test_the_file_is_in_effect_at_once_and_follows(runtime, path, log):
    path.write_text("/file/web => /$/inet/1 ;\n")
    routed = Routed(runtime, path)
    assert routed.leads_to == ["/$/inet/1"]
    assert log.fields == [{"file": str(path), "dentries": 1}]
    routed.write("/file/web => /$/inet/2")
    await routed.becomes("/$/inet/2")
    path.write_text("# in place\n/file/web => /$/inet/3")
    await routed.becomes("/$/inet/3")
    assert routed.interpreter.state() == {
        "dtabFile": str(path),
        "dtab": "/file/web=>/$/inet/3",
        "hash": DTAB.hash(Dtab.parse("/file/web=>/$/inet/3")),
        "error": None,
    }


async def test_an_invalid_dtab_keeps_the_last_good_one_and_says_where_it_is_wrong(runtime, path, log):
    path.write_text("/file/web => /$/inet/1")
    routed = Routed(runtime, path)
    routed.write("/file/web => /$/inet/2 ;\n/file/x -> /y")
    await routed.refuses("line 2")
    assert routed.leads_to == ["/$/inet/1"]
    error = routed.interpreter.last_error
    assert (error.line, error.column) == (2, 9)
    assert str(error).startswith("line 2, column 9: '='")
    assert log.events == ["dtab.loaded", "dtab.invalid"]
    assert log.fields[-1]["kept_last_good"] is True
    hash_ = DTAB.hash(Dtab.parse("/file/web => /$/inet/1"))
    assert routed.interpreter.readiness() == Readiness(
        True, f"dtab of 2 entries in effect, hash {hash_}; refused: {error}"
    )
    assert routed.interpreter.state()["error"] == str(error)
    routed.write("/file/web => /$/inet/3")
    await routed.becomes("/$/inet/3")
    assert routed.interpreter.last_error is None


async def test_a_dtab_that_was_never_valid_fails_with_the_reason_until_it_is(runtime, path):
    path.write_text("nonsense")
    routed = Routed(runtime, path)
    assert routed.leads_to[0].startswith(f"{path}: line 1, column 1: '/' expected but 'n' found")
    assert routed.interpreter.readiness().ready is False
    routed.write("/file/web => /$/inet/1")
    await routed.becomes("/$/inet/1")


async def test_a_file_that_is_missing_at_first_is_an_empty_dtab(runtime, path, log):
    routed = Routed(runtime, path)
    assert routed.leads_to == []
    assert log.events == ["dtab.invalid"]
    assert str(routed.interpreter.last_error) == "the file does not exist"
    path.write_text("/file/web => /$/inet/1")
    await routed.becomes("/$/inet/1")


async def test_a_file_that_goes_missing_keeps_routing(runtime, path):
    path.write_text("/file/web => /$/inet/1")
    routed = Routed(runtime, path)
    path.unlink()
    await routed.refuses("does not exist")
    assert routed.leads_to == ["/$/inet/1"]
    path.mkdir()
    await routed.refuses("directory")
    assert routed.leads_to == ["/$/inet/1"]
    path.rmdir()
    path.write_text("/file/web => /$/inet/2")
    await routed.becomes("/$/inet/2")


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"/a => /b;\n/c\xff => /d", "line 2, column 3: not UTF-8"),
        (b"#" * (MAX_FILE_BYTES + 1), "larger than"),
    ],
)
async def test_what_is_no_text_is_refused(runtime, path, content, part):
    path.write_bytes(content)
    routed = Routed(runtime, path)
    await routed.refuses(part)
    assert part in routed.leads_to[0]


async def test_an_empty_file_is_an_empty_dtab(runtime, path):
    path.write_text(" # nothing\n")
    routed = Routed(runtime, path)
    assert routed.leads_to == []
    assert routed.interpreter.last_error is None
    assert routed.interpreter.stored_dtab() is None


async def test_a_mounted_configmap_is_followed(runtime, tmp_path):
    def publish(generation: str, text: str) -> None:
        (tmp_path / generation).mkdir()
        (tmp_path / generation / "dtab").write_text(text)
        (tmp_path / "..data_tmp").symlink_to(generation)
        (tmp_path / "..data_tmp").rename(tmp_path / "..data")

    publish("..1", "/file/web => /$/inet/1")
    (tmp_path / "dtab").symlink_to("..data/dtab")
    routed = Routed(runtime, tmp_path / "dtab")
    for generation in (2, 3):
        publish(f"..{generation}", f"/file/web => /$/inet/{generation}")
        await routed.becomes(f"/$/inet/{generation}")


async def test_rapid_edits_end_with_the_last(runtime, path):
    path.write_text("/file/web => /$/inet/1")
    routed = Routed(runtime, path)
    for number in range(2, 200):
        (routed.write if number % 2 else path.write_text)(f"/file/web => /$/inet/{number}")
    await routed.becomes("/$/inet/199")


def test_the_file_is_required_and_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Fs(kind="io.l5d.fs", dtabFile="dtab").dtabFile == str(tmp_path / "dtab")
    for keys in ({}, {"dtabFile": ""}):
        with pytest.raises(ValidationError):
            Fs(kind="io.l5d.fs", **keys)


async def test_a_long_edit_is_read_in_a_thread_and_the_newest_counts(runtime, path):
    read_in = []
    parse = DTAB.parse

    def noted(text):
        read_in.append(get_ident())
        return parse(text)

    path.write_text("/file/web => /$/inet/1 ;\n" + 10_000 * "#")
    routed = Routed(runtime, path)
    assert routed.leads_to == ["/$/inet/1"]  # at the start there is nobody who waits
    routed.interpreter.stored.language = replace(DTAB, parse=noted)
    read_in.clear()
    routed.write("/file/web => /$/inet/2 ;\n" + 10_000 * "#")
    await routed.becomes("/$/inet/2")
    assert read_in
    assert get_ident() not in read_in
    routed.write("/file/web => /$/inet/3 ;\n" + 10_000 * "#")
    routed.write("/file/web => /$/inet/4 ;\n")
    await routed.becomes("/$/inet/4")
