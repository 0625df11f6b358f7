"""The memory and threads that this process may use, in cgroups of both versions."""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_echo.websocket.resources import TaskLimit, memory_bytes, task_limit
from tests.support.cgroups import real_group
from tests.support.servers import ROOT

MIB = 2**20
PHYSICAL = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
# "No limit" in version 1.
UNLIMITED = "9223372036854771712"


def machine(
    root: Path,
    groups: str,
    mounts: list[str],
    files: dict[str, str],
    processes: dict[int, tuple[int, int]] | None = None,
) -> Path:
    """Write what the kernel would show, and return its root.

    :param groups: ``/proc/self/cgroup``.
    :param mounts: root, mount point, type and options of each mount.
    :param files: the files of the groups.
    :param processes: user and number of threads of each process.
    """
    lines = []
    for mount in mounts:
        shown, top, kind, options = mount.split(" ")
        lines.append(f"32 31 0:29 {shown} {top} rw,relatime shared:9 - {kind} none {options}")
    files = {"proc/self/cgroup": groups, "proc/self/mountinfo": "\n".join(lines), **files}
    for pid, (uid, threads) in (processes or {}).items():
        files[f"proc/{pid}/status"] = f"Name:\tx\nUid:\t{uid}\t9\t9\t9\nThreads:\t{threads}\n"
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + "\n")
    return root


V1 = ["/ /sys/fs/cgroup/memory cgroup rw,memory", "/ /sys/fs/cgroup/pids cgroup rw,pids"]
V2 = ["/ /sys/fs/cgroup cgroup2 rw,nsdelegate"]


def test_without_cgroups_the_memory_of_the_machine_counts(tmp_path: Path) -> None:
    assert memory_bytes(tmp_path) == PHYSICAL
    assert task_limit(0, tmp_path) is None


def test_version_1_limits_memory(tmp_path: Path) -> None:
    files = {
        "sys/fs/cgroup/memory/a/b/memory.limit_in_bytes": str(200 * MIB),
        "sys/fs/cgroup/memory/a/memory.limit_in_bytes": str(100 * MIB),
        "sys/fs/cgroup/memory/memory.limit_in_bytes": UNLIMITED,
    }
    root = machine(tmp_path, "4:memory:/a/b\n1:cpu,cpuacct:/", V1, files)
    assert memory_bytes(root) == 100 * MIB


def test_no_limit_of_version_1_is_that_of_the_machine(tmp_path: Path) -> None:
    files = {"sys/fs/cgroup/memory/memory.limit_in_bytes": UNLIMITED}
    assert memory_bytes(machine(tmp_path, "4:memory:/", V1, files)) == PHYSICAL


def test_version_2_limits_memory(tmp_path: Path) -> None:
    files = {
        "sys/fs/cgroup/a/b/memory.max": "max",
        "sys/fs/cgroup/a/memory.max": str(100 * MIB),
    }
    assert memory_bytes(machine(tmp_path, "0::/a/b", V2, files)) == 100 * MIB


def test_no_limit_of_version_2_is_that_of_the_machine(tmp_path: Path) -> None:
    files = {"sys/fs/cgroup/a/memory.max": "max"}
    assert memory_bytes(machine(tmp_path, "0::/a", V2, files)) == PHYSICAL


def test_a_machine_may_have_both_versions(tmp_path: Path) -> None:
    files = {
        "sys/fs/cgroup/memory/a/memory.limit_in_bytes": str(100 * MIB),
        "sys/fs/cgroup/unified/b/pids.max": "50",
        "sys/fs/cgroup/unified/b/pids.current": "20",
    }
    mounts = [V1[0], "/ /sys/fs/cgroup/unified cgroup2 rw"]
    root = machine(tmp_path, "4:memory:/a\n0::/b", mounts, files)
    assert memory_bytes(root) == 100 * MIB
    assert task_limit(0, root) == TaskLimit(30, "pids.max=50 of the cgroup")


@pytest.mark.parametrize("shown", ["/docker/1234", "/", "/docker/12", "/.."])
def test_a_container_sees_its_group_at_the_mount_point(tmp_path: Path, shown: str) -> None:
    files = {"sys/fs/cgroup/memory/memory.limit_in_bytes": str(100 * MIB)}
    mounts = [f"{shown} /sys/fs/cgroup/memory cgroup rw,memory"]
    assert memory_bytes(machine(tmp_path, "4:memory:/docker/1234", mounts, files)) == 100 * MIB


def test_a_mount_may_show_a_part_of_the_hierarchy(tmp_path: Path) -> None:
    files = {"sys/fs/cgroup/memory/b/memory.limit_in_bytes": str(100 * MIB)}
    mounts = ["/a /sys/fs/cgroup/memory cgroup rw,memory"]
    assert memory_bytes(machine(tmp_path, "4:memory:/a/b", mounts, files)) == 100 * MIB


def test_a_group_outside_of_the_namespace_is_not_looked_for_elsewhere(tmp_path: Path) -> None:
    files = {"sys/fs/memory.max": str(50 * MIB), "sys/fs/cgroup/memory.max": str(100 * MIB)}
    assert memory_bytes(machine(tmp_path, "0::/../..", V2, files)) == 100 * MIB


def test_a_mount_point_may_contain_a_space(tmp_path: Path) -> None:
    files = {"my groups/memory.max": str(100 * MIB)}
    assert memory_bytes(machine(tmp_path, "0::/", ["/ /my\\040groups cgroup2 rw"], files)) == (
        100 * MIB
    )


def test_pids_counts_what_others_in_the_group_use(tmp_path: Path) -> None:
    files = {
        "sys/fs/cgroup/a/b/pids.max": "50",
        "sys/fs/cgroup/a/b/pids.current": "10",
        "sys/fs/cgroup/a/pids.max": "60",
        "sys/fs/cgroup/a/pids.current": "55",
    }
    root = machine(tmp_path, "0::/a/b", V2, files)
    assert task_limit(0, root) == TaskLimit(5, "pids.max=60 of the cgroup")


def test_a_limit_that_is_exceeded_leaves_nothing(tmp_path: Path) -> None:
    files = {"sys/fs/cgroup/pids/pids.max": "5", "sys/fs/cgroup/pids/pids.current": "8"}
    root = machine(tmp_path, "8:pids:/", V1, files)
    assert task_limit(0, root) == TaskLimit(0, "pids.max=5 of the cgroup")


def test_no_limit_on_pids_is_none(tmp_path: Path) -> None:
    files = {"sys/fs/cgroup/pids.max": "max", "sys/fs/cgroup/pids.current": "8"}
    assert task_limit(0, machine(tmp_path, "0::/", V2, files)) is None


@pytest.fixture
def process_limit() -> Iterator[int]:
    """RLIMIT_NPROC, lowered to a number."""
    before = resource.getrlimit(resource.RLIMIT_NPROC)
    resource.setrlimit(resource.RLIMIT_NPROC, (50_000, before[1]))
    yield 50_000
    resource.setrlimit(resource.RLIMIT_NPROC, before)


def test_the_process_limit_counts_the_threads_of_the_user(
    tmp_path: Path, process_limit: int
) -> None:
    processes = {100: (4321, 30), 101: (4321, 12), 102: (4322, 99)}
    root = machine(tmp_path, "0::/", V2, {}, processes)
    source = f"RLIMIT_NPROC={process_limit} (ulimit -u)"
    assert task_limit(4321, root) == TaskLimit(process_limit - 42, source)


def test_the_process_limit_does_not_bind_root(tmp_path: Path, process_limit: int) -> None:
    assert task_limit(0, machine(tmp_path, "0::/", V2, {}, {100: (0, 30)})) is None


@pytest.mark.parametrize(
    ("limits", "expression"),
    [
        ({"memory": 300 * MIB}, "memory_bytes()"),
        # A process of its own is in the group, with one thread.
        ({"pids": 77}, "task_limit().free + 1"),
    ],
)
def test_a_real_cgroup_is_read(limits: dict[str, int], expression: str) -> None:
    code = (
        f"from flask_echo.websocket.resources import memory_bytes, task_limit; print({expression})"
    )
    with real_group(**limits) as group:
        words = group.words([sys.executable, "-c", code])
        (limit,) = limits.values()
        assert int(subprocess.check_output(words, cwd=ROOT, timeout=30)) == limit
