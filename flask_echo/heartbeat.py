"""The heartbeat of a worker, and a second look before gunicorn's master kills the worker.

The main thread of a worker touches a file, and the master kills a worker that has not done so for
``timeout``. Hundreds of threads that compute can keep the main thread from the GIL for longer than
that, and no other thread of the worker would fare better. So the master itself looks at the worker
in ``/proc``: it tells one whose main thread waits for its turn from one that is stuck.

gunicorn's master imports this module; see :mod:`flask_echo.worker`.
"""

import os
from collections.abc import Callable
from time import monotonic
from typing import Any, NamedTuple

from gunicorn.workers.workertmp import WorkerTmp

# A worker that stays busy for this many time-outs is killed all the same: five minutes by default.
# A main thread that waits for 2,000 threads, each of which computes for a switch interval of
# 0.1 s, has its turn after 200 s.
BUSY_TIMEOUTS = 10

# The time between two looks. The kernel counts CPU time in ticks of 10 ms, and the master comes by
# once a second. It takes 30 ms to look at 2,000 threads.
_LOOK_SECONDS = 0.9

# A thread that waits for the GIL wakes after each switch interval, ten times a second. A machine
# without CPU to spare delays that.
_WAKES_PER_SECOND = 2

# A thread that waits for a lock does not wake. The owner of the lock may wait for the GIL until all
# others have computed for a switch interval of 0.1 s, in no fixed order: twice that time.
_LOCK_SECONDS_PER_THREAD = 0.2


class Activity(NamedTuple):
    """The work that the threads of a process have done since they exist."""

    seen_at: float
    main_ticks: int
    main_wakes: int
    other_ticks: dict[str, int]


class Heartbeat(WorkerTmp):
    """gunicorn's heartbeat, which also counts a worker as alive whose threads keep it busy.

    :param process_id: returns the worker's process id. The master knows it after the fork.
    :param on_close: is called when the heartbeat is closed: in the master, once the worker has
        ended, and in workers that are forked later.
    """

    def __init__(
        self, cfg: Any, process_id: Callable[[], object], on_close: Callable[[], object]
    ) -> None:
        super().__init__(cfg)
        self._on_close = on_close
        self._timeout = float(cfg.timeout)
        self._process_id = process_id
        # The first and the last look since the worker was late, and when its main thread woke.
        self._first_look: Activity | None = None
        self._last_look: Activity | None = None
        self._woke_at = self._busy_at = 0.0

    def last_update(self) -> float:
        """Return when the worker was alive, on the monotonic clock. The master calls this."""
        touched_at = float(super().last_update())
        late = monotonic() - touched_at
        if late <= self._timeout / 2:
            self._first_look = self._last_look = None
            return touched_at
        if late > self._timeout * BUSY_TIMEOUTS:
            return touched_at
        self._look()
        return max(touched_at, self._busy_at)

    def close(self) -> None:
        """Close the file."""
        self._on_close()
        super().close()

    def _look(self) -> None:
        """Note whether the worker was busy since the last look."""
        before = self._last_look
        if before is not None and monotonic() - before.seen_at < _LOOK_SECONDS:
            return
        try:
            now = activity(self._process_id())
        except (OSError, ValueError, IndexError):  # Not on Linux, or the process has ended.
            return
        self._last_look = now
        if before is None or self._first_look is None:
            # The master may have been away. A verdict needs two looks.
            self._first_look, self._woke_at = now, now.seen_at
            self._busy_at = now.seen_at - self._timeout / 2
            return
        if now.main_wakes > before.main_wakes:
            self._woke_at = now.seen_at
        patience = _LOCK_SECONDS_PER_THREAD * len(work(self._first_look, now))
        if is_busy(before, now, may_sleep=now.seen_at - self._woke_at <= patience):
            self._busy_at = now.seen_at


def work(before: Activity, now: Activity) -> dict[str, int]:
    """Return the ticks that each thread has computed between two looks, except the main thread."""
    return {
        thread: ticks - before.other_ticks.get(thread, 0)
        for thread, ticks in now.other_ticks.items()
        if ticks > before.other_ticks.get(thread, 0)
    }


def is_busy(before: Activity, now: Activity, may_sleep: bool = False) -> bool:
    """Return whether the threads of a worker compute in turns, and its main thread waits for its
    turn.

    If only one of them computes, it does not let go of the GIL, as a regular expression that never
    ends. If the main thread itself computes most, it loops. If it does not wake, it is stopped, or
    waits for something else.

    :param may_sleep: whether that may still be a lock whose owner waits for its turn.
    """
    worked = work(before, now)
    wakes = now.main_wakes - before.main_wakes
    is_waiting = may_sleep or wakes >= _WAKES_PER_SECOND * (now.seen_at - before.seen_at)
    main_ticks = now.main_ticks - before.main_ticks
    return is_waiting and len(worked) > 1 and main_ticks < sum(worked.values())


def activity(process_id: object) -> Activity:
    """Look at the threads of a process; see proc_pid_stat(5) and proc_pid_status(5).

    :raises OSError: if there is no such process, or no ``/proc``.
    """
    main, tasks = str(process_id), f"/proc/{process_id}/task"
    ticks: dict[str, int] = {}
    for thread in os.listdir(tasks):
        try:
            ticks[thread] = _ticks(_read(f"{tasks}/{thread}/stat"))
        except OSError:  # The thread has ended.
            continue
    wakes = _wakes(_read(f"{tasks}/{main}/status"))
    return Activity(monotonic(), ticks.pop(main, 0), wakes, ticks)


def _read(path: str) -> str:
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read()


def _ticks(stat: str) -> int:
    """Return the CPU time of a thread. Its name may contain spaces and parentheses."""
    fields = stat.rpartition(")")[2].split()
    user, system = fields[11:13]  # utime and stime, the 14th and 15th of all fields
    return int(user) + int(system)


def _wakes(status: str) -> int:
    lines = [line.split(":") for line in status.splitlines() if "ctxt_switches" in line]
    return sum(int(count) for _, count in lines)
