"""Each server judges the configuration that is rendered for it."""

import shutil
import subprocess

import pytest

from benchmarks import backend, topology
from benchmarks.proxies import PROXIES, Setup


@pytest.fixture
def setup(tmp_path):
    port, admin_port = topology.free_ports(2)
    return Setup(tmp_path, topology.build(), port, admin_port)


@pytest.mark.parametrize("name", list(PROXIES))
def test_the_proxy_accepts_its_configuration(name, setup):
    proxy = PROXIES[name]
    binary = proxy.binary()
    if binary is None:
        pytest.skip(f"{name} is not installed")
    proxy.write(setup)
    done = subprocess.run(proxy.check_command(binary, setup), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert proxy.version() not in ("", "unknown")


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_nginx_accepts_the_configuration_of_the_backend(setup):
    (setup.directory / "nginx.conf").write_text(backend.config(setup.topology))
    command = backend.nginx_command(setup.directory, "nginx.conf", "-t")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_table_of_many_names_over_fewer_services():
    table = topology.build(200, 50, 3)
    assert len(set(table.ports)) == 150
    assert len({name for name, _ in table.names}) == 200
    assert {index for _, index in table.names} == set(range(50))


def test_ports_are_handed_out_once():
    first = topology.free_ports(5)
    assert not set(first) & set(topology.free_ports(5))
    with pytest.raises(OSError, match="only"):
        topology.free_ports(topology.HIGHEST_PORT)
