"""The scheduling policy of a worker's threads."""

import os
import subprocess
import sys

import pytest

from flask_echo import scheduling
from flask_echo.scheduling import Scheduling

pytestmark = pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="Linux only")

# Prints the policies of the main thread, an earlier thread, and a later one.
SCRIPT = """
import os
from threading import Event, Thread
from flask_echo.scheduling import Scheduling

def policy():
    policies.append(os.sched_getscheduler(0))

policies, done = [], Event()
{before}
earlier = Thread(target=lambda: (done.wait(20), policy()))
earlier.start()
scheduling = Scheduling(0.0, 0.0)
scheduling.adapt(1.0, 0.9)
policy()
done.set()
earlier.join()
later = Thread(target=policy)
later.start()
later.join()
print(*policies)
"""


def policies(before: str = "") -> list[int]:
    """Return the policies in a busy process of its own, which runs ``before`` first."""
    words = [sys.executable, "-c", SCRIPT.format(before=before)]
    output = subprocess.run(words, capture_output=True, check=True, text=True, timeout=60).stdout
    return [int(word) for word in output.split()]


def test_all_threads_of_a_busy_process_take_the_core_from_nobody() -> None:
    assert policies() == [os.SCHED_BATCH] * 3


def test_a_policy_that_somebody_has_chosen_stays() -> None:
    chosen = "os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))"
    assert policies(chosen) == [os.SCHED_IDLE] * 3


def test_without_proc_the_calling_thread_and_later_ones_have_the_policy() -> None:
    without_proc = "from flask_echo import scheduling; scheduling._TASKS = '/nowhere'"
    assert policies(without_proc) == [os.SCHED_BATCH, os.SCHED_OTHER, os.SCHED_BATCH]


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The policies that are set, one after the other. None of them is."""
    policies: list[int] = []
    monkeypatch.setattr(scheduling, "_set_policy", policies.append)
    return policies


def test_only_a_busy_worker_has_the_policy(chosen: list[int]) -> None:
    process = Scheduling(100.0, 7.0)
    process.adapt(101.0, 7.3)
    assert chosen == []
    process.adapt(102.0, 7.8)
    assert chosen == [os.SCHED_BATCH]
    process.adapt(103.0, 8.1)
    assert chosen == [os.SCHED_BATCH], "three tenths are neither busy nor calm"
    process.adapt(104.0, 8.2)
    assert chosen == [os.SCHED_BATCH, os.SCHED_OTHER]


def test_there_is_some_time_between_two_decisions(chosen: list[int]) -> None:
    process = Scheduling(100.0, 7.0)
    process.adapt(100.0 + 0.9 * scheduling.INTERVAL_SECONDS, 8.0)
    assert chosen == []
    process.adapt(100.0 + 1.1 * scheduling.INTERVAL_SECONDS, 8.0)
    assert chosen == [os.SCHED_BATCH]


def test_a_system_that_refuses_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(*arguments: object) -> None:
        asked.append(arguments)
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    Scheduling(0.0, 0.0).adapt(1.0, 1.0)
    assert asked
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_a_system_without_the_policy_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, chosen: list[int]
) -> None:
    monkeypatch.delattr(os, "SCHED_BATCH")
    Scheduling(0.0, 0.0).adapt(1.0, 1.0)
    assert chosen == []
