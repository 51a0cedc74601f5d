"""The list of ports that speak first is that of the documentation."""

import re
from pathlib import Path

from noderouter.interception.control.server_first_ports import SPEAKS_FIRST

PAGE = (Path(__file__).parents[4] / "docs" / "interception.md").read_text()


def test_the_documentation_has_the_same_list():
    table = PAGE.split("### Ports that speak first\n")[1].split("\n#")[0]
    rows = dict(re.findall(r"^\| (\d+) \| (.+?) \|$", table, re.MULTILINE))
    assert {int(number): what for number, what in rows.items()} == SPEAKS_FIRST
