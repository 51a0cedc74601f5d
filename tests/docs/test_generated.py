"""What `python -m docs.generate` makes is what is committed, and what it says of the sources is there."""

import argparse
from html.parser import HTMLParser
from pathlib import Path

import pytest

from docs.generate import commands
from docs.generate.pages import DOCS, pages
from docs.generate.pictures import HOUSE, PICTURES

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", pages())
def test_it_is_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == pages()[name], "run `make pages`"


def test_every_command_of_the_parsers_has_a_section() -> None:
    from noderouter.cli import parser

    top = next(each for each in parser()._actions if isinstance(each, argparse._SubParsersAction))
    first_words = {name.split()[1] for name in commands.names()}
    assert first_words == set(top.choices) - {"tap"}  # which is another name of `requests`
    assert set(commands.NOTES) <= set(commands.names())


def test_every_room_is_in_the_drawing() -> None:
    """Each folder of noderouter/ and of proxy/ is a box, and each box that looks like a folder is one."""
    boxes = {box.title.rstrip("/") for box in HOUSE.boxes if box.title.endswith("/")}
    packages = [*(ROOT / "noderouter").glob("*/__init__.py"), *(ROOT / "noderouter/proxy").glob("*/__init__.py")]
    folders = {path.parent.name for path in packages} - {"proxy"}  # that is the whole band
    assert folders | {"dtab", "keeper"} == boxes


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_complete_in_itself(name: str) -> None:
    """It has words for those who do not see it, boxes within its bounds, and nothing from elsewhere."""
    picture, text = PICTURES[name], pages()[name]
    tags: list[str] = []
    reader = HTMLParser()
    reader.handle_starttag = lambda tag, _attributes: tags.append(tag)  # type: ignore[method-assign]
    reader.feed(text)
    assert tags[:3] == ["svg", "title", "desc"]
    assert len(picture.description) > 100
    assert text.count("http") - text.count("http1") - text.count("http2") - text.count(">http/<") == 1  # the namespace
    assert "prefers-color-scheme: dark" in text
    for box in picture.boxes:
        assert box.x >= 0
        assert box.y >= 0
        assert box.x + box.width <= picture.width
        assert box.y + box.height <= picture.height
        longest = max(8 * len(box.title), *(6.2 * len(line) for line in box.lines), 0)
        assert box.kind == "band" or longest <= box.width, f"{box.title} does not fit"
