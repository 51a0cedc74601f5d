"""What each `ci/*-values.yaml` renders to, held by files; `make chart-golden` writes them anew."""

from pathlib import Path

import pytest

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


def test_rendering_twice_gives_the_same(helm: Helm):
    """No dates, no random names: a pipeline that compares manifests sees what has changed and nothing else."""
    values = ci_values()["everything"]
    assert helm.template(values) == helm.template(values)
