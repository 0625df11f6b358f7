"""The scheduling policy of a worker's threads."""

import os
import subprocess
import sys

import pytest

from flask_echo import scheduling

pytestmark = pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="Linux only")

# Prints the policies of the main thread, an earlier thread, and a later one.
SCRIPT = """
import os
from threading import Event, Thread
from flask_echo.scheduling import avoid_preemption

def policy():
    policies.append(os.sched_getscheduler(0))

policies, done = [], Event()
{before}
earlier = Thread(target=lambda: (done.wait(20), policy()))
earlier.start()
avoid_preemption()
policy()
done.set()
earlier.join()
later = Thread(target=policy)
later.start()
later.join()
print(*policies)
"""


def policies(before: str = "") -> list[int]:
    """Return the policies in a process of its own, which runs ``before`` first."""
    words = [sys.executable, "-c", SCRIPT.format(before=before)]
    output = subprocess.run(words, capture_output=True, check=True, text=True, timeout=60).stdout
    return [int(word) for word in output.split()]


def test_all_threads_avoid_preemption() -> None:
    assert policies() == [os.SCHED_BATCH] * 3


def test_a_policy_that_somebody_has_chosen_stays() -> None:
    chosen = "os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))"
    assert policies(chosen) == [os.SCHED_IDLE] * 3


def test_without_proc_the_calling_thread_and_later_ones_avoid_preemption() -> None:
    without_proc = "from flask_echo import scheduling; scheduling._TASKS = '/nowhere'"
    assert policies(without_proc) == [os.SCHED_BATCH, os.SCHED_OTHER, os.SCHED_BATCH]


def test_a_system_that_refuses_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(*arguments: object) -> None:
        asked.append(arguments)
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    scheduling.avoid_preemption()
    assert asked
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_a_system_without_the_policy_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "SCHED_BATCH")
    scheduling.avoid_preemption()
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
