"""The second look of gunicorn's master at a worker whose heartbeat is late."""

import os
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config

from flask_echo import heartbeat
from flask_echo.heartbeat import BUSY_TIMEOUTS, Activity, Heartbeat, activity, is_busy

BEFORE = Activity(100.0, 50, 1000, {"2": 10, "3": 10, "4": 10})


def after(main_ticks: int = 0, main_wakes: int = 10, **ticks: int) -> Activity:
    """What a look a second later shows, as a difference."""
    others = {name: 10 + ticks.get(f"t{name}", 0) for name in ("2", "3", "4", "5")}
    return Activity(101.0, 50 + main_ticks, 1000 + main_wakes, others)


def test_threads_that_compute_in_turns_make_a_worker_busy() -> None:
    assert is_busy(BEFORE, after(t2=50, t3=50))


@pytest.mark.parametrize(
    "seen",
    [
        after(main_wakes=0, t2=50, t3=50),  # The main thread waits for something else.
        after(main_wakes=0),  # It is stopped, or nothing is under way.
        after(main_ticks=90, t2=2, t3=2),  # It loops.
    ],
)
def test_others_are_stuck(seen: Activity) -> None:
    assert not is_busy(BEFORE, seen)


def test_a_main_thread_that_waits_for_a_lock_may_sleep() -> None:
    assert is_busy(BEFORE, after(main_wakes=0, t2=50, t3=50), may_sleep=True)
    only = Activity(101.0, 50, 1000, {"2": 110, "3": 10, "4": 10})
    assert not is_busy(BEFORE, only, may_sleep=True)


def test_it_may_sleep_until_all_that_compute_had_their_turn_twice(
    monkeypatch: pytest.MonkeyPatch, clock: SimpleNamespace
) -> None:
    """Twenty threads compute, and the main thread does not wake."""
    config: Any = Config()
    config.set("timeout", 2)
    beat = Heartbeat(config, os.getpid, bool)
    os.utime(beat.fileno(), (1000.0, 1000.0))

    def seen(_: object) -> Activity:
        others = {str(thread): int(clock.now) for thread in range(20)}
        return Activity(clock.now, 50, 1000, others)

    monkeypatch.setattr(heartbeat, "activity", seen)
    late = [clock.now for clock.now in range(1000, 1015) if clock.now - beat.last_update() > 2]
    # The first look is at 1002, and 20 threads have 4 s.
    assert late[0] == 1002 + 4 + 3
    beat.close()


def test_one_thread_that_keeps_the_gil_makes_a_worker_stuck() -> None:
    only = Activity(101.0, 50, 1010, {"2": 110, "3": 10, "4": 10})
    assert not is_busy(BEFORE, only)


def test_a_process_is_looked_at_in_proc() -> None:
    seen = activity(os.getpid())
    assert seen.main_wakes > 0
    assert seen.main_ticks > 0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The monotonic clock, at 1,000 seconds."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(heartbeat, "monotonic", lambda: clock.now)
    return clock


def test_a_worker_that_stays_busy_is_killed_in_the_end(
    monkeypatch: pytest.MonkeyPatch, clock: SimpleNamespace
) -> None:
    config: Any = Config()
    config.set("timeout", 30)
    beat = Heartbeat(config, os.getpid, bool)
    os.utime(beat.fileno(), (1000.0, 1000.0))
    monkeypatch.setattr(heartbeat, "activity", lambda _: BEFORE._replace(seen_at=clock.now))
    monkeypatch.setattr(heartbeat, "is_busy", lambda *_, may_sleep: True)
    lateness = []
    for clock.now in range(1000, 1000 + 30 * (BUSY_TIMEOUTS + 1)):
        lateness.append(clock.now - beat.last_update())
    assert max(lateness[: 30 * BUSY_TIMEOUTS]) <= 30
    assert lateness[-1] > 30
    beat.close()


def test_without_proc_the_file_alone_counts(
    monkeypatch: pytest.MonkeyPatch, clock: SimpleNamespace
) -> None:
    beat = Heartbeat(Config(), lambda: "no process", bool)
    os.utime(beat.fileno(), (900.0, 900.0))
    assert beat.last_update() == 900.0
    beat.close()
