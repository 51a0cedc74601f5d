import pytest

from benchmarks.results import Report
from benchmarks.tables import BEGIN, END, render, update


def test_tables_show_medians_ratios_and_failures(run, report):
    runs = [
        run("noderouter", number=0, cpu_us=24.0),
        run("noderouter", number=1, cpu_us=26.0),
        run("haproxy", number=0, cpu_us=20.0),
        run("haproxy", number=1, cpu_us=20.0),
        run("direct", cpu_us=None, user_us=None, system_us=None, errors={"read": 4}),
    ]
    text = render(report(runs))
    assert "| noderouter | 25.0 (24.0–26.0) | 5.0 | 15.0 | 1000 | 100 | 500 | 1.25 (1.20–1.30) | – |" in text
    assert "| direct | – | – | – | 1000 | 100 | 500 | – | – |" in text
    assert "**Failed:** direct had errors: 4 read" in text
    assert "- envoy: envoy 1 (not measured: not installed)" in text
    assert "| noderouter | 500 (400–900) | 600 | 45.0 | 50.0 |" in text
    assert "head1@16" not in text


def test_only_what_is_between_the_markers_is_replaced(tmp_path, run, report):
    page = tmp_path / "page.md"
    page.write_text(f"# Title\n\n{BEGIN}\nold\n{END}\n\nEnd.\n")
    for _ in range(2):
        update(page, report([run()]))
        text = page.read_text()
        assert text.startswith(f"# Title\n\n{BEGIN}\n\nMeasured 2026-11-22")
        assert text.endswith(f"\n\n{END}\n\nEnd.\n")
        assert "old" not in text


@pytest.mark.parametrize("text", ["", BEGIN, f"{END} {BEGIN}", f"{BEGIN} {END} {END}"])
def test_a_page_without_proper_markers_is_left_alone(tmp_path, report, text):
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(ValueError, match=r"page\.md must hold"):
        update(page, report([]))
    assert page.read_text() == text


def test_a_report_survives_its_file(tmp_path, run, report):
    file = tmp_path / "report.json"
    whole = report([run(errors={"read": 1}), run("direct", cpu_us=None)])
    whole.save(file)
    assert Report.load(file) == whole
    for text in ("{}", "[]", "{", '{"proxies": {"a": {"b": 1}}}'):
        file.write_text(text)
        with pytest.raises(ValueError, match="not a benchmark report"):
            Report.load(file)
