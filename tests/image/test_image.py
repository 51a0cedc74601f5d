"""What the image is, is said in docs/image.md; each of these holds it to that."""

import ast
import json
import re
import signal
import stat
import subprocess
import tarfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import yaml

from tests.image import build, sbom
from tests.image.container import Container, Image
from tests.image.engine import buildah
from tests.image.fixtures import image_archive, image_engine, or_skip, router_image
from tests.testing.ports import free_ports

__all__ = ["image_archive", "image_engine", "router_image"]

pytestmark = [pytest.mark.slow, pytest.mark.root]

ROOT = build.ROOT
NOBODY = 65532
MOST_MB = 90
"""What /opt/noderouter may take on a disk, in megabytes of a million bytes."""

FORBIDDEN = re.compile(r"(\w+-)*(gcc|g\+\+|cc|c99|c89|c\+\+|cpp|clang|tcc|as|ld|make|pip3?)(-[\d.]+)?|pip3\.\d+")


def files(root: Path) -> Iterator[Path]:
    """Every file, links not followed."""
    return (path for path in root.rglob("*") if path.is_file() and not path.is_symlink())


def mode(path: Path) -> int:
    return path.lstat().st_mode


# Twice


@pytest.mark.timeout(1800)
def test_two_builds_are_the_same():
    """Down to their identity, which is a hash of all contents, modes, owners, times and labels.

    The first of these tests, so that both are built at once where none is there yet.
    """
    with or_skip(), buildah() as engine, ThreadPoolExecutor(1) as beside:
        building = beside.submit(build.build, engine, "--no-cache")
        made = build.image()
        second = building.result().removeprefix("sha256:")
        identity = engine.image_of(made)
        if second != identity:
            with engine.root_of(identity) as one, engine.root_of(second) as other:
                argv = ["diff", "-rq", "--no-dereference", one, other]
                pytest.fail(
                    subprocess.run(argv, capture_output=True, text=True).stdout or "only modes, times or labels"
                )


# What is in it


def test_the_data_path_the_head_parser_and_hpack_are_compiled(router_image: Image):
    status, said = router_image.output("noderouter", "version")
    assert status == 0, said
    assert f"noderouter {build.version()}\ndata path: compiled\nhead parser: compiled\nHPACK: compiled\n" in said


def test_it_is_small(router_image: Image):
    folder = router_image.root / sbom.PREFIX
    blocks = sum(path.lstat().st_blocks for path in folder.rglob("*"))
    assert blocks * 512 <= MOST_MB * 1_000_000


def test_neither_compiler_nor_pip_is_in_it(router_image: Image):
    commands = [path for path in router_image.root.rglob("bin/*") if not path.is_dir()]
    commands += router_image.root.glob("usr/sbin/*")
    assert len(commands) > 100
    assert [path for path in commands if FORBIDDEN.fullmatch(path.name)] == []
    assert [*router_image.root.rglob("site-packages/pip"), *router_image.root.rglob("dist-packages/pip")] == []


def test_no_program_changes_its_user(router_image: Image):
    special = stat.S_ISUID | stat.S_ISGID
    assert [path for path in files(router_image.root) if mode(path) & special] == []


def test_what_is_ours_belongs_to_root_and_only_root_writes_it(router_image: Image):
    for path in (router_image.root / sbom.PREFIX).rglob("*"):
        assert path.lstat().st_uid == path.lstat().st_gid == 0
        assert path.is_symlink() or not mode(path) & (stat.S_IWGRP | stat.S_IWOTH)


def test_it_tells_nothing_of_who_built_it(router_image: Image):
    """Neither settings of pip nor certificates, logs and lists of packages."""
    root = router_image.root
    assert not (root / "etc/pip.conf").exists()
    assert not list((root / "run/secrets").glob("*"))
    assert [*files(root / "var/log"), *files(root / "var/lib/apt/lists"), *files(root / "tmp")] == []


def test_every_bytecode_is_of_a_source_and_bound_to_no_time(router_image: Image):
    found = list((router_image.root / sbom.PREFIX).rglob("*.pyc"))
    assert len(found) > 500
    for path in found:
        assert path.parent.with_name(f"{path.name.partition('.')[0]}.py").exists()
        assert path.read_bytes()[4:8] == b"\1\0\0\0"  # PEP 552: by hash, unchecked


def test_all_of_ours_has_its_bytecode(router_image: Image):
    """Nothing is compiled when a router starts."""
    for path in (sbom.site_packages(router_image.root) / "noderouter").rglob("*.py"):
        assert list((path.parent / "__pycache__").glob(f"{path.stem}.*.pyc")), path


def test_every_module_can_be_imported(router_image: Image):
    """Ours, and whatever ours import anywhere, also within functions: nothing was left out that somebody needs."""
    imported = {
        name
        for path in [*(ROOT / "noderouter").rglob("*.py"), *(ROOT / "dtab").rglob("*.py")]
        for name in imports(path)
    } - {"noderouter._build", "setuptools", "mypyc", "mypyc.build", "setuptools.command.build_ext"}
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for top in ("noderouter", "dtab")
        for path in (ROOT / top).rglob("*.py")
        if path.name not in ("_build.py", "__main__.py")
    }
    wanted = sorted(imported | modules)
    assert "kubernetes.config" in wanted
    program = f"import importlib\nfor name in {wanted!r}: importlib.import_module(name)\nprint('all')"
    assert router_image.output("python", "-c", program) == (0, "all\n")


def imports(path: Path) -> Iterator[str]:
    """What a source imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def test_spans_are_encoded_as_opentelemetry_has_them(router_image: Image):
    """With the packages that `io.l5d.otlp` imports when it begins."""
    program = "from noderouter.telemetry.tracing import otlp; print(len(otlp.encoder({'service.name': 'x'})([])) > 0)"
    assert router_image.output("python", "-c", program) == (0, "True\n")


def test_what_is_left_of_the_kubernetes_package_reads_kubeconfigs(router_image: Image, tmp_path: Path):
    """With a program that gives the token, which takes most of the package."""
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "cat", "args": ["/given/token"]}}
    context = {"context": {"cluster": "c", "user": "u"}, "name": "x"}
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "x",
        "contexts": [context],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1", "insecure-skip-tls-verify": True}}],
        "users": [{"name": "u", "user": user}],
    }
    token = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "let me in"},
    }
    given = folder(tmp_path, config=json.dumps(kubeconfig), token=json.dumps(token))
    program = (
        "from kubernetes.client import Configuration; from kubernetes.config import load_kube_config\n"
        "it = Configuration(); load_kube_config('/given/config', client_configuration=it, persist_config=False)\n"
        "print([each['value'] for each in it.auth_settings().values()], it.host)"
    )
    status, said = router_image.output("python", "-c", program, mounted={given: "/given"})
    assert (status, said) == (0, "['Bearer let me in'] https://127.0.0.1:1\n")


def folder(parent: Path, **texts: str) -> Path:
    """A folder of files that everybody may read."""
    for outer in (parent, *parent.parents[:2]):
        outer.chmod(0o755)
    made = parent / "given"
    made.mkdir()
    for name, text in texts.items():
        (made / name).write_text(text)
        (made / name).chmod(0o644)
    return made


# How it runs


def test_it_runs_with_linkerd_s_interface_as_nobody_on_a_root_that_is_read_only(router_image: Image, tmp_path: Path):
    """The path of a configuration is all that it is given; SIGTERM ends it with 0."""
    [admin] = free_ports(1)
    config = {"admin": {"port": admin}, "routers": [{"protocol": "http", "servers": [{"port": 0}]}]}
    given = folder(tmp_path, **{"config.yaml": yaml.safe_dump(config)})
    with router_image.running(mounted={given: "/io.buoyant/linkerd/config"}) as container:
        assert wait_for(f"http://127.0.0.1:{admin}/admin/ping", container).strip() == "pong"
        status = Path(f"/proc/{container.pid()}/status").read_text()
        assert re.search(rf"^Uid:\t{NOBODY}\t{NOBODY}\t{NOBODY}\t{NOBODY}$", status, re.MULTILINE)
        assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE)
        [root] = [line for line in mounts(container) if line.split()[1] == "/"]
        assert "ro" in root.split()[3].split(",")
        container.signal(signal.SIGTERM)
        assert container.end()[0] == 0


def mounts(container: Container) -> list[str]:
    return Path(f"/proc/{container.pid()}/mounts").read_text().splitlines()


def wait_for(url: str, container: Container) -> str:
    end = time.monotonic() + 60
    while True:
        try:
            with urlopen(url, timeout=5) as response:
                return str(response.read().decode())
        except URLError:
            assert container.process.poll() is None, container.end()
            assert time.monotonic() < end
            time.sleep(0.05)


@pytest.mark.parametrize("values", ["default", "everything", "intercept"])
def test_it_accepts_the_chart_s_configuration(router_image: Image, tmp_path: Path, values: str):
    text = (ROOT / f"tests/charts/noderouter/golden/{values}.yaml").read_text()
    maps = [o for o in yaml.safe_load_all(text) if o and o["kind"] == "ConfigMap"]
    [config] = [o["data"]["config.yaml"] for o in maps if "config.yaml" in o.get("data", {})]
    given = folder(tmp_path, **{"config.yaml": config})
    status, said = router_image.output("noderouter", "validate", "/given/config.yaml", mounted={given: "/given"})
    assert status == 0, said


def test_check_runs_in_it_and_says_what_is_missing(router_image: Image, tmp_path: Path):
    """A namer of Kubernetes, without a Kubernetes: everything it needs is imported, and it finds no credentials."""
    config = {
        "namers": [{"kind": "io.l5d.k8s"}],
        "routers": [{"protocol": "http", "dtab": "/svc => /#/io.l5d.k8s/default/http", "servers": [{"port": 0}]}],
    }
    given = folder(tmp_path, **{"config.yaml": yaml.safe_dump(config)})
    status, said = router_image.output("noderouter", "check", "/given/config.yaml", mounted={given: "/given"})
    assert status == 1, said
    assert "kubectl proxy" in said  # what it tried, as nothing else is there
    assert "Traceback" not in said


@pytest.mark.parametrize("command", [["nft", "--version"], ["iptables", "-V"], ["ipset", "-v"], ["ip", "-V"]])
def test_the_commands_of_interception_are_in_it(router_image: Image, command: list[str]):
    status, said = router_image.output(*command)
    assert "not found" not in said
    assert status == 0 or command[0] == "ipset", said  # which asks the kernel first, as nobody in vain


# What is said of it


def test_its_labels(router_image: Image):
    labels = {name.removeprefix("org.opencontainers.image."): v for name, v in router_image.config["Labels"].items()}
    labels.pop("io.buildah.version")
    assert labels == {
        "title": "noderouter",
        "description": "A service-mesh router that runs once on every Kubernetes node",
        "licenses": "Apache-2.0",
        "version": build.version(),
        "revision": build.revision(),
    }


def test_the_archive_has_the_name_that_the_chart_asks_for(image_archive: Path):
    with tarfile.open(image_archive) as archive:
        manifest = archive.extractfile("manifest.json")
        assert manifest is not None
        [image] = json.loads(manifest.read())
    values = yaml.safe_load((ROOT / "charts/noderouter/values.yaml").read_text())
    chart = yaml.safe_load((ROOT / "charts/noderouter/Chart.yaml").read_text())
    name = f"{values['image']['repository']}:{values['image']['tag'] or chart['appVersion']}"
    assert image["RepoTags"] == [f"docker.io/library/{name}"]


def test_the_list_beside_it_has_everything_that_is_in_it(router_image: Image, image_archive: Path):
    """As the image's own Python and dpkg say."""
    listed = sbom.names(build.list_of(image_archive).read_text())
    program = (
        "import importlib.metadata as m, re\n"
        "for d in m.distributions(): print(re.sub('[-_.]+', '-', d.metadata['Name']).lower(), d.version)"
    )
    status, said = router_image.output("/opt/noderouter/bin/python", "-I", "-c", program)
    assert status == 0, said
    python = {(f"pkg:pypi/{name}", version) for name, version in (line.split(" ") for line in said.splitlines())}
    query = ("dpkg-query", "--show", "--showformat=${Package} ${Version}\n")
    status, said = router_image.output(*query)
    assert status == 0, said
    debian = {(f"pkg:deb/{name}", version) for name, version in (line.split(" ") for line in said.splitlines())}
    assert len(python) > 30
    assert len(debian) > 80
    assert listed - {each for each in listed if each[0].startswith("pkg:generic/")} == python | debian
    assert ("pkg:pypi/noderouter", build.version()) in listed


def test_exactly_what_is_pinned_is_in_it(router_image: Image):
    pinned = set(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    found = {(each.name, each.version) for each in sbom.of_python(router_image.root)}
    assert found - {("noderouter", build.version())} == pinned
