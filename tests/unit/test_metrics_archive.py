"""The figures of processes that have ended: they are never lost, and never counted twice."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from prometheus_client.mmap_dict import MmapedDict, mmap_key

from flask_echo.metrics import archive
from flask_echo.metrics.archive import bury, files_that_count, read_manifest
from flask_echo.metrics.collecting import SumCollector
from flask_echo.metrics.processes import Processes
from tests.support.servers import ROOT
from tests.support.waiting import wait_until

BUCKETS = ("1.0", "+Inf")


def write(folder: Path, number: int, count: float) -> None:
    """Leave what a process with this number leaves that has counted to ``count``."""
    counters: Any = MmapedDict(str(folder / f"counter_{number}.db"))  # type: ignore[no-untyped-call]
    for way in ("in", "out"):
        counters.write_value(mmap_key("m", "m_total", ["way"], [way], "Help."), count, 0.0)
    histogram: Any = MmapedDict(str(folder / f"histogram_{number}.db"))  # type: ignore[no-untyped-call]
    histogram.write_value(mmap_key("h", "h_sum", [], [], "Help."), count, 0.0)
    for bucket in BUCKETS:
        histogram.write_value(mmap_key("h", "h_bucket", ["le"], [bucket], "Help."), count, 0.0)
    gauges: Any = MmapedDict(str(folder / f"gauge_livesum_{number}.db"))  # type: ignore[no-untyped-call]
    gauges.write_value(mmap_key("g", "g", [], [], "Help."), count, 0.0)
    for file in (counters, histogram, gauges):
        file.close()


def sums(folder: Path, processes: Processes) -> dict[str, float]:
    """All samples of a scrape."""
    metrics = SumCollector(str(folder), processes).collect()
    return {
        " ".join((sample.name, *sample.labels.values())): sample.value
        for metric in metrics
        for sample in metric.samples
    }


def counted(count: float) -> dict[str, float]:
    """The samples of processes that have counted to ``count`` together, and have ended."""
    buckets = {"h_bucket 1.0": count, "h_bucket +Inf": 2 * count, "h_count": 2 * count}
    return {"m_total in": count, "m_total out": count, "h_sum": count, **buckets}


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    return Processes(str(tmp_path))


def test_processes_that_have_ended_are_merged_into_one_archive(
    tmp_path: Path, processes: Processes
) -> None:
    total = 0.0
    for number in range(1, 30):
        write(tmp_path, number, number)
        total += number
        assert sums(tmp_path, processes) == counted(total)
        bury(str(tmp_path), processes)
        assert sums(tmp_path, processes) == counted(total)
        assert len(list(tmp_path.rglob("*.db"))) == 2
    assert len(read_manifest(str(tmp_path)).merged) == 1


def test_a_process_that_exists_keeps_its_files_and_gauges(
    tmp_path: Path, processes: Processes
) -> None:
    write(tmp_path, processes.number, 5)
    write(tmp_path, 77, 2)
    bury(str(tmp_path), processes)
    assert sums(tmp_path, processes) == {**counted(7), "g": 5}
    assert len(list(tmp_path.glob("*.db"))) == 3


STEPS: list[tuple[Any, str]] = [
    (archive, "_write"),
    (MmapedDict, "write_value"),
    (archive, "_write_manifest"),
    (os, "replace"),
    (os, "remove"),
    (shutil, "rmtree"),
]


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("home", "step"), STEPS, ids=[step for _, step in STEPS])
def test_a_merge_that_is_killed_at_any_step_changes_no_sum(
    tmp_path: Path,
    processes: Processes,
    monkeypatch: pytest.MonkeyPatch,
    home: Any,
    step: str,
    after: bool,
) -> None:
    write(tmp_path, 1, 100)
    bury(str(tmp_path), processes)
    write(tmp_path, 2, 20)
    write(tmp_path, 3, 3)
    usual: Callable[..., Any] = getattr(home, step)

    def kill(*arguments: Any, **options: Any) -> None:
        if after:
            usual(*arguments, **options)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(home, step, kill)
        with pytest.raises(Killed):
            bury(str(tmp_path), processes)
    assert sums(tmp_path, processes) == counted(123)
    write(tmp_path, 4, 1000)
    bury(str(tmp_path), processes)
    assert sums(tmp_path, processes) == counted(1123)
    assert len(list(tmp_path.rglob("*.db"))) == 2
    assert len(list(tmp_path.glob("archive-*"))) == 1


def test_a_file_that_was_just_created_does_not_count(tmp_path: Path, processes: Processes) -> None:
    write(tmp_path, 1, 5)
    (tmp_path / "counter_2.db").touch()
    (tmp_path / "counter_3.db").write_bytes(bytes(65536))
    assert sums(tmp_path, processes) == counted(5)
    bury(str(tmp_path), processes)
    assert sums(tmp_path, processes) == counted(5)


@pytest.mark.parametrize("when", ["before the files are listed", "after"])
def test_a_scrape_reads_again_if_the_archive_was_replaced_meanwhile(
    tmp_path: Path, processes: Processes, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    write(tmp_path, 1, 5)
    write(tmp_path, 2, 6)
    calls = []

    def list_and_bury(*arguments: Any) -> list[str]:
        calls.append(when)
        if len(calls) > 1:
            return files_that_count(*arguments)
        files = files_that_count(*arguments) if when == "after" else []
        bury(str(tmp_path), processes)
        return files or files_that_count(*arguments)

    monkeypatch.setattr("flask_echo.metrics.collecting.files_that_count", list_and_bury)
    assert sums(tmp_path, processes) == counted(11)
    assert len(calls) == 2


def test_only_one_merges_at_a_time(processes: Processes) -> None:
    seen: list[bool] = []
    inside, go_on = Event(), Event()

    def stay() -> None:
        with processes.alone() as alone:
            seen.append(alone)
            inside.set()
            assert go_on.wait(10)

    thread = Thread(target=stay)
    thread.start()
    assert inside.wait(10)
    with processes.alone() as alone:
        seen.append(alone)
    go_on.set()
    thread.join(10)
    with processes.alone() as alone:
        seen.append(alone)
    assert seen == [True, False, True]


OTHER = """
import sys
from flask_echo.metrics.processes import Processes
other = Processes(sys.argv[1])
with other.alone() as alone:
    print(other.number, alone, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that is alone until it ends."""
    words = [sys.executable, "-c", OTHER, str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as process:
        yield process
        process.kill()


def test_a_process_that_is_killed_lives_no_longer(
    processes: Processes, other: "subprocess.Popen[str]"
) -> None:
    assert other.stdout is not None
    number, alone = other.stdout.readline().split()
    assert alone == "True"
    assert processes.lives(int(number))
    assert processes.lives(int(number))  # To ask changes nothing.
    assert processes.lives(processes.number)
    with processes.alone() as mine:
        assert not mine
    other.kill()
    wait_until(lambda: not processes.lives(int(number)))
    with processes.alone() as mine:
        assert mine
