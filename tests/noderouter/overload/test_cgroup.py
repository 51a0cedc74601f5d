"""The limit of the control group, wherever it stands, and what counts against it."""

import pytest

from noderouter.overload.cgroup import limited_group

MB = 1024 * 1024


@pytest.fixture
def system(tmp_path):
    """Writes the files of a system; answers where they are."""

    def write(membership, **files):
        (tmp_path / "membership").write_text(membership)
        for name, text in files.items():
            path = tmp_path / "mount" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")
        return tmp_path / "mount", tmp_path / "membership"

    return write


def group(folder, limit, usage, stat="", *, names=("memory.max", "memory.current")):
    return {f"{folder}{name}": text for name, text in zip((*names, "memory.stat"), (limit, usage, stat), strict=True)}


V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes")
STAT = f"anon 5\ninactive_file {10 * MB}\nactive_file {20 * MB}"


def test_a_container_of_version_2(system):
    found = limited_group(*system("0::/\n", **group("", 512 * MB, 100 * MB, STAT)))
    assert found.limit == 512 * MB
    assert found.used() == 70 * MB
    assert found.used(worth_knowing=200 * MB) == 100 * MB, "what is far away from the limit is not looked at closely"


def test_the_path_may_be_one_that_only_the_host_sees(system):
    found = limited_group(*system("0::/kubepods/pod1/c1\n", **group("", 512 * MB, 1)))
    assert found.limit == 512 * MB


def test_the_lowest_limit_counts(system):
    files = group("a/b/", "max", 1) | group("a/", 300 * MB, 7) | group("", 512 * MB, 9)
    found = limited_group(*system("0::/a/b\n", **files))
    assert (found.limit, found.used()) == (300 * MB, 7)


def test_a_container_of_version_1(system):
    stat = f"total_inactive_file {MB}\ntotal_active_file {MB}"
    files = group("memory/", 512 * MB, 100 * MB, stat, names=V1)
    found = limited_group(*system("5:cpu:/x\n4:cpuset,memory:/docker/x\n0::/\n", **files))
    assert (found.limit, found.used()) == (512 * MB, 98 * MB)


@pytest.mark.parametrize(
    ("membership", "files"),
    [
        ("0::/\n", group("", "max", 1)),
        ("4:memory:/\n", group("memory/", 9223372036854771712, 1, names=V1)),
        ("0::/\n", {}),
        ("0::/\n", group("", "nonsense", 1)),
        ("", {}),
    ],
    ids=["none in version 2", "none in version 1", "no files", "nonsense", "no groups"],
)
def test_no_limit(system, membership, files):
    assert limited_group(*system(membership, **files)) is None


def test_no_such_file(tmp_path):
    assert limited_group(tmp_path, tmp_path / "nothing") is None


def test_this_system_can_be_asked():
    found = limited_group()
    assert found is None or 0 <= found.used() <= 2 * found.limit
