"""The helper for control groups reads and writes both versions; files stand in for the kernel's."""

from pathlib import Path

import pytest

from tests.support.cgroups import Group, limit_memory

VERSION_1 = {
    "memory.limit_in_bytes": "",
    "memory.memsw.limit_in_bytes": "",
    "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
    "memory.failcnt": "7\n",
    "memory.max_usage_in_bytes": "4096\n",
}
VERSION_2 = {
    "memory.max": "",
    "memory.swap.max": "max\n",
    "memory.events": "low 0\nhigh 0\nmax 7\noom 3\noom_kill 3\noom_group_kill 0\n",
    "memory.peak": "4096\n",
}


@pytest.fixture(params=[VERSION_1, VERSION_2], ids=["v1", "v2"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    for name, text in request.param.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_figures_of_memory(place: Path) -> None:
    group = Group({"memory": place}, 2**20)
    assert (group.oom_kills(), group.failures(), group.peak_bytes()) == (3, 7, 4096)


def test_a_limit_of_memory_is_one_of_memory_and_swap(place: Path) -> None:
    limit_memory(place, 2**20)
    written = {file.name: file.read_text() for file in place.iterdir()}
    if "memory.max" in written:
        assert (written["memory.max"], written["memory.swap.max"]) == ("1048576", "0")
    else:
        names = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
        assert [written[name] for name in names] == ["1048576"] * 2


def test_without_control_groups_the_address_space_is_limited() -> None:
    words = Group({}, 2**20).words(["true", "x"])
    assert words[-3:] == ["sh", "true", "x"]
    assert "ulimit -v 24576" in words[2]
