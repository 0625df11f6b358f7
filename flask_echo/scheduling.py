"""How the system shares a core among the threads of a worker.

Only the thread that holds the GIL can do anything. Under Linux's default policy, a thread that
wakes up because a message has arrived may take the core from the one that runs: the holder of the
GIL. The woken thread finds the GIL taken and goes back to sleep, and the holder waits for the core
once more. With 2,000 busy connections this happens again and again to whoever is about to answer,
so some answers take ten times as long as most.

Under ``SCHED_BATCH`` a thread that wakes up takes the core from nobody; see sched(7). The holder
runs until it waits for its own socket, and that is when it gives the GIL up, too. The share of the
process in the machine stays the same: the policy changes neither its priority nor its niceness.

A worker imports this module after its fork. docs/architecture.md has the figures.
"""

import os
from contextlib import suppress

# A directory with an entry for each thread of this process; proc(5).
_TASKS = "/proc/self/task"


def avoid_preemption() -> None:
    """Let no thread of this process take the core from another one when it wakes up.

    Later threads inherit this. Nothing changes where the system does not know ``SCHED_BATCH`` or
    does not allow it, nor for a policy that somebody has chosen.
    """
    if not hasattr(os, "SCHED_BATCH"):
        return
    for thread in _threads():
        with suppress(OSError):  # It has ended, or a filter of system calls refuses this.
            if os.sched_getscheduler(thread) == os.SCHED_OTHER:
                os.sched_setscheduler(thread, os.SCHED_BATCH, os.sched_param(0))


def _threads() -> list[int]:
    """Return the threads of this process. One that writes the log may run already."""
    try:
        return [int(name) for name in os.listdir(_TASKS)]
    except OSError:
        return [0]  # The calling thread.
