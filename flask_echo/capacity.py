"""How many seats and threads fit into the memory and the process limits that exist.

gunicorn's master imports this module; see :mod:`flask_echo.gunicorn_conf`.
"""

import os
from typing import NamedTuple

from flask_echo.websocket.resources import (
    IDLE_CONNECTION_BYTES,
    IDLE_TLS_CONNECTION_BYTES,
    TaskLimit,
    memory_bytes,
    task_limit,
)

# Measured in a cgroup: 23 MiB for the master and 13 MiB for an idle worker; imports and caches of
# a busy worker are the rest.
MASTER_BYTES = WORKER_BYTES = 24 * 2**20

# Idle connections may take this part of the memory that the processes leave. Messages need the
# rest: up to 64 KiB of a connection are never refused.
_IDLE_SHARE = 0.5

# Threads beside those of the seats: for pages, and for requests whose header has not arrived yet.
# The pool starts a thread when it needs one.
SPARE_THREADS = 1024

# With few threads, this part of the seats' number is still spare, and at least so many.
_SPARE_SHARE = 4
_FEWEST_SPARE = 16

# The process's main thread, its log, timers, and the threads of libraries.
_OTHER_THREADS = 8


class Fit(NamedTuple):
    """How many seats fit into each worker, and the limit that allows no more, in words."""

    seats: int
    reason: str


class Capacity(NamedTuple):
    """What the machine, or the container, leaves to the workers.

    :ivar workers: the number of worker processes. They share the rest.
    :ivar memory: bytes for all processes.
    :ivar tasks: threads for all processes; None without a limit.
    :ivar generations: how many times as many workers a reload runs at once.
    :ivar idle_bytes: what an idle connection takes.
    """

    workers: int
    memory: int
    tasks: TaskLimit | None
    generations: int = 1
    idle_bytes: int = IDLE_CONNECTION_BYTES

    @property
    def processes(self) -> int:
        """The number of workers that may run at once."""
        return self.workers * self.generations

    def fit(self) -> Fit:
        """Return how many seats fit into each worker."""
        fits = [self.fit_in_memory()]
        if self.tasks is not None:
            fits.append(self._fit_in_threads(self.tasks))
        return min(fits)

    def threads(self, seats: int) -> int:
        """Return the size of each worker's pool: a thread per seat, and spare ones."""
        if self.tasks is None:
            return seats + SPARE_THREADS
        spare = self._threads_per_worker(self.tasks) - seats
        return seats + min(SPARE_THREADS, max(_FEWEST_SPARE, spare))

    def fit_in_memory(self) -> Fit:
        """Return how many seats fit into each worker, as far as memory counts."""
        rest = self.memory - MASTER_BYTES - self.processes * WORKER_BYTES
        seats = int(rest * _IDLE_SHARE) // self.processes // self.idle_bytes
        return Fit(max(0, seats), f"there are {self.memory // 2**20} MiB{self._shared()}")

    def _fit_in_threads(self, tasks: TaskLimit) -> Fit:
        threads = self._threads_per_worker(tasks)
        seats = min(threads - _FEWEST_SPARE, threads * _SPARE_SHARE // (_SPARE_SHARE + 1))
        return Fit(max(0, seats), f"{tasks.source} leaves {tasks.free} threads{self._shared()}")

    def _threads_per_worker(self, tasks: TaskLimit) -> int:
        return (tasks.free - _OTHER_THREADS) // self.processes - _OTHER_THREADS

    def _shared(self) -> str:
        if self.processes == 1:
            return ""
        replaced = ", half of them replaced by a reload" if self.generations > 1 else ""
        return f" for {self.processes} workers{replaced}"


def generations(spread: float) -> int:
    """Return how many times as many workers run at once during a reload.

    The old ones serve for the whole spread, which can take an hour. Without a spread they end
    within seconds, and their connections with them.

    :param spread: ``DRAIN_SPREAD_SECONDS``.
    """
    return 2 if spread else 1


def measure(
    workers: int, uid: int | None = None, *, spread: float = 0.0, tls: bool = False
) -> Capacity:
    """Return what is there now. Other processes and open connections already count.

    :param workers: the number of worker processes; 0 counts as 1.
    :param uid: their user; by default the current one.
    :param spread: ``DRAIN_SPREAD_SECONDS``.
    :param tls: whether the workers speak TLS.
    """
    idle_bytes = IDLE_TLS_CONNECTION_BYTES if tls else IDLE_CONNECTION_BYTES
    workers = max(1, workers)
    return Capacity(workers, memory_bytes(), task_limit(uid), generations(spread), idle_bytes)


def workers_in_environment() -> int:
    """Return gunicorn's default for the number of workers."""
    text = os.environ.get("WEB_CONCURRENCY", "")
    return int(text) if text.isdecimal() else 1
