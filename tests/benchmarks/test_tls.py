"""`benchmarks.tls`: configurations are taken by those they are for, and figures become ratios and verdicts.

Covers `tls_site.py`.
"""

import shutil
import subprocess

import pytest

from benchmarks import tls, tls_site
from benchmarks.topology import free_ports

FOUND = {
    "request": {"noderouter": [11.0, 14.0, 30.0], "haproxy": [10.0, 10.0, 30.0]},
    "mb": {"noderouter": [900.0], "haproxy": [1000.0]},
    "new": {"noderouter": [190.0], "haproxy": [100.0]},
    "idle": {"noderouter": [17.0]},
    "half": {"noderouter": [25.0]},
}


def test_the_table_has_medians_and_ratios():
    assert tls.table(FOUND).splitlines() == [
        "request   noderouter 14.0, haproxy 10.0, x haproxy 1.10 (1.00-1.40)",
        "mb        noderouter 900.0, haproxy 1000.0, x haproxy 0.90 (0.90-0.90)",
        "new       noderouter 190.0, haproxy 100.0, x haproxy 1.90 (1.90-1.90)",
        "idle      noderouter 17.0",
        "half      noderouter 25.0",
    ]


def test_what_is_over_its_bar_is_said():
    said: list[str] = []
    assert tls.missed(FOUND, said.append)
    assert said == ["FAIL  new: 1.90 x haproxy, 1.8 wanted", "FAIL  half: 25.0 MB, 20 wanted"]
    assert not tls.missed({"mb": FOUND["mb"], "idle": FOUND["idle"]}, said.append)


@pytest.mark.parametrize(("name", "check"), [("noderouter", ["validate"]), ("haproxy", ["-c"])])
def test_each_takes_its_configuration(tmp_path, name, check):
    tls_site.make_secrets(tmp_path / "secrets")
    command = tls_site.PROXIES[name](tls_site.site(tmp_path / name, tmp_path / "secrets", tuple(free_ports(3))))
    if name == "noderouter":
        command[3:4] = check
    elif shutil.which("haproxy") is None:
        pytest.skip("needs haproxy")
    else:
        command[1:2] = check
    subprocess.run(command, check=True, capture_output=True)
