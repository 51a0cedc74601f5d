"""All that is generated, by its name in docs/."""

from pathlib import Path
from typing import Final

from docs.generate import commands, openmetrics
from docs.generate.pictures import PICTURES

DOCS: Final = Path(__file__).resolve().parents[1]


def pages() -> dict[str, str]:
    """The text of each file."""
    written = {"commands.md": commands.page(), "openmetrics.md": openmetrics.page()}
    return {**{name: picture.svg() for name, picture in PICTURES.items()}, **written}
