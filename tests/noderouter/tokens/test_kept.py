"""What was fetched is found by the next start, and nothing else is."""

from pathlib import Path

import pytest

from noderouter.tokens.kept import Kept

URI = "https://issuer.example/keys"


async def test_what_is_kept_is_found(tmp_path: Path) -> None:
    kept = Kept(str(tmp_path / "keys"), URI)
    assert await kept.read() is None
    assert await kept.write(b'{"keys": []}') == ""
    found = await kept.read()
    assert found is not None
    assert found.data == b'{"keys": []}'
    assert [each.name for each in tmp_path.iterdir()] == ["keys"]
    assert await Kept(str(tmp_path / "keys"), "https://other.example/keys").read() is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"uri": "https://issuer.example/keys"}', "[" * 5000, "null"])
async def test_what_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "keys").write_text(text)
    assert await Kept(str(tmp_path / "keys"), URI).read() is None


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert "No such file" in await Kept(str(tmp_path / "no" / "keys"), URI).write(b"{}")
