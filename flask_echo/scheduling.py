"""How the system shares a core among the threads of a busy worker.

Only the thread that holds the GIL can do anything. Under Linux's default policy, a thread that
wakes up because a message has arrived may take the core from the one that runs: the holder of the
GIL. The woken thread finds the GIL taken and goes back to sleep, and the holder waits for the core
once more. With 2,000 busy connections this happens again and again to whoever is about to answer,
so some answers take ten times as long as most.

Under ``SCHED_BATCH`` a thread that wakes up takes the core from nobody; see sched(7). The holder
runs until it waits for its own socket, and that is when it gives the GIL up, too. Priority and
niceness stay the same.

The policy has a price: when another process keeps the core busy, a worker with little to do waits
for it as well, for 4 ms instead of 30 µs. So only a busy worker has the policy.
docs/architecture.md has the figures.

A worker imports this module after its fork.
"""

import os
from contextlib import suppress

# A directory with an entry for each thread of this process; proc(5).
_TASKS = "/proc/self/task"

# Seconds between two decisions, at least. The main thread has a turn once a second, and for each
# connection that comes.
INTERVAL_SECONDS = 0.2

# A worker is busy from this share of a core on, and calm again below the other one. Two workers
# that share a core have half of it each.
BUSY_SHARE = 0.4
CALM_SHARE = 0.2


class Scheduling:
    """The policy of all threads of this process. Only the main thread may use it.

    Nothing ever changes where the system does not know ``SCHED_BATCH``, nor where somebody has
    chosen a policy for the process.

    :param now: the monotonic clock, in seconds.
    :param cpu: the CPU time of the process so far, in seconds.
    """

    def __init__(self, now: float, cpu: float) -> None:
        self._at = now
        self._cpu = cpu
        self._is_busy = False
        self._may_change = hasattr(os, "SCHED_BATCH") and os.sched_getscheduler(0) == os.SCHED_OTHER

    def adapt(self, now: float, cpu: float) -> None:
        """Choose the policy by the CPU time since the last decision."""
        seconds = now - self._at
        if seconds < INTERVAL_SECONDS or not self._may_change:
            return
        share = (cpu - self._cpu) / seconds
        self._at, self._cpu = now, cpu
        is_busy = share > (CALM_SHARE if self._is_busy else BUSY_SHARE)
        if is_busy != self._is_busy:
            self._is_busy = is_busy
            _set_policy(os.SCHED_BATCH if is_busy else os.SCHED_OTHER)


def _set_policy(policy: int) -> None:
    """Set the policy of all threads. Later ones inherit that of the main thread, which starts them.

    It takes 2 to 4 ms for 1,000 threads.
    """
    for thread in _threads():
        with suppress(OSError):  # It has ended, or a filter of system calls refuses this.
            os.sched_setscheduler(thread, policy, os.sched_param(0))


def _threads() -> list[int]:
    """Return the threads of this process."""
    try:
        return [int(name) for name in os.listdir(_TASKS)]
    except OSError:
        return [0]  # The calling thread.
