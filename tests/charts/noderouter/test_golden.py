"""What each `ci/*-values.yaml` renders to, held by files; `make chart-golden` writes them anew."""

import tarfile
from pathlib import Path

import pytest
import yaml

from noderouter import __version__
from tests.charts.helm import CHART, KUBERNETES, Helm, ci_values

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("name", ci_values())
def test_it_renders_as_before(helm: Helm, name: str, update_golden: bool):
    rendered = helm.template(ci_values()[name])
    file = GOLDEN / f"{name}.yaml"
    if update_golden:
        file.write_text(rendered)
    assert rendered == file.read_text(), "if the change is meant: make chart-golden, and look at the difference"


def test_there_is_no_file_too_many():
    assert {path.stem for path in GOLDEN.glob("*.yaml")} == set(ci_values())


@pytest.mark.parametrize("name", ci_values())
def test_helm_lint_is_content(helm: Helm, name: str):
    helm.run("lint", "--strict", "--kube-version", KUBERNETES, "--values", ci_values()[name], CHART)


def test_the_package_has_what_is_used_and_the_version_of_the_program(helm: Helm, tmp_path: Path):
    helm.run("package", CHART, "--destination", tmp_path)
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == __version__
    with tarfile.open(tmp_path / f"noderouter-{chart['version']}.tgz") as package:
        names = {name.removeprefix("noderouter/") for name in package.getnames()}
    assert names >= {"values.schema.json", "files/test.py", "dashboards/nodes.json", "templates/NOTES.txt"}
    assert not [name for name in names if name.startswith("ci/")]


def test_rendering_twice_gives_the_same(helm: Helm):
    """No dates, no random names: a pipeline that compares manifests sees what has changed and nothing else."""
    values = ci_values()["everything"]
    assert helm.template(values) == helm.template(values)
