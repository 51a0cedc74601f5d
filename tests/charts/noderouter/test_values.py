"""docs/chart.md says what values.yaml says; `make chart-golden` writes its table anew."""

import yaml

from tests.charts.values_table import BEGIN, END, PAGE, VALUES, described, table, undescribed


def test_every_value_is_described():
    text = VALUES.read_text()
    paths = [path for path, _ in described(text)]
    assert list(undescribed(yaml.safe_load(text), set(paths))) == []
    assert len(paths) == len(set(paths)) > 90


def test_the_page_has_the_values(update_golden: bool):
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    inner, after = rest.split(END)
    if update_golden:
        PAGE.write_text(before + BEGIN + "\n" + table() + "\n" + END + after)
        inner = "\n" + table() + "\n"
    assert inner == "\n" + table() + "\n", "values.yaml has changed: make chart-golden"
