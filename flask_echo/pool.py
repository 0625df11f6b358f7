"""A pool of threads that survives when the system gives no thread, or no memory.

Python's ThreadPoolExecutor does not: if it cannot start a thread, it raises an error and keeps the
call in its queue all the same. And it starts threads with ``Thread.start``, which waits for the
new thread. That wait has no end if the thread finds no memory for its first step.

gunicorn's master imports this module; see :mod:`flask_echo.worker`.
"""

import _thread
import os
import threading
from collections import deque
from collections.abc import Callable
from time import monotonic, sleep
from typing import Any

# A new thread that has not begun by then has found no memory for its first step and has ended, or
# it waits for the GIL. The system knows which: it is asked after the first of these times. Without
# an answer, the thread is given up after the second one. If it still begins, it is counted again.
LATE_SECONDS = 1.0
BIRTH_SECONDS = 30.0

# A directory with an entry for each thread of this process; proc(5).
TASKS = "/proc/self/task"

# So many free threads are kept for requests to come. If the system gives no more threads, they are
# left for requests that are answered soon, and no connection may keep one.
SPARE_THREADS = 4

# How long a thread without memory waits before it tries again.
MEMORY_PAUSE_SECONDS = 0.01


class Job:
    """One call for a thread of the pool.

    :param call: the function to call.
    :ivar error: the exception that ended the call, whichever it was.
    """

    def __init__(self, call: Callable[[], Any]) -> None:
        self.submitted_at = monotonic()
        self.error: BaseException | None = None
        self.done: Callable[[], Any] = bool
        self._call = call
        self._result: Any = None
        self._claim = threading.Lock()

    def claim(self) -> bool:
        """Take the job: True for the first caller, which a thread of the pool may be."""
        return self._claim.acquire(blocking=False)

    def is_claimed(self) -> bool:
        """Whether somebody has taken the job."""
        return self._claim.locked()

    def run(self) -> None:
        """Call the function in this thread, then ``done``, unless the job is taken. Never fail."""
        if not self.claim():
            return
        try:
            self._result = self._call()
        except BaseException as error:
            self.error = error
        until_there_is_memory(self.done)

    def result(self) -> Any:
        """Return the result of the call, or raise its exception."""
        if self.error is not None:
            raise self.error
        return self._result


class JobQueue:
    """Jobs in the order of their arrival, for threads that wait for them. Safe in all threads.

    Each job wakes one thread: the one that has waited for the shortest time, whose memory is still
    in the caches. A thread that takes a job from a ``queue.SimpleQueue`` wakes the next thread,
    which finds nothing and waits again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: deque[Job | None] = deque()
        self._alarms: list[threading.Lock] = []

    @property
    def waiting(self) -> int:
        """How many threads wait."""
        return len(self._alarms)

    def put(self, job: Job | None) -> None:
        """Add a job, and wake a thread. After a MemoryError nothing has changed."""
        with self._lock:
            self._jobs.append(job)
            if self._alarms:
                self._alarms.pop().release()

    def get(self, alarm: threading.Lock) -> Job | None:
        """Wait for a job, and take it. After a MemoryError nothing has changed.

        :param alarm: a lock that the calling thread has acquired, and nobody else has.
        """
        while True:
            with self._lock:
                if self._jobs:
                    return self._jobs.popleft()
                self._alarms.append(alarm)
            alarm.acquire()  # This needs no memory.


class Pool:
    """Threads that run jobs in the order of their arrival. They never end before :meth:`shutdown`.

    Python does not wait for these threads when the process exits.

    :param size: how many threads there may be.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._queue = JobQueue()
        self._lock = threading.Lock()
        # Threads that wait for a job, or will soon, minus the jobs in the queue.
        self._free = 0
        self._threads = 0
        # How many attempts to start a thread there were, and the last one that failed.
        self._attempts = 0
        self._failed_attempt = 0
        # Whether that one is the last one whose outcome is known.
        self._starving = False
        # When each thread that has not begun was started, by the number of the attempt.
        self._unborn: dict[int, float] = {}
        # Threads of this process that are not of the pool; None if the system does not tell.
        self._others: int | None = None

    def submit(self, job: Job) -> None:
        """Put a job into the queue. Call :meth:`grow` next."""
        with self._lock:
            free = self._free - 1
            self._queue.put(job)
            self._free = free

    def shortage(self) -> int:
        """Return how many jobs wait for a thread that is busy."""
        return max(0, -self._free)

    def grow(self) -> None:
        """Start threads for the jobs that would have to wait, and some to spare, up to the size of
        the pool.

        :raises RuntimeError: if the system gives no thread.
        :raises MemoryError: if there is no memory for one.
        """
        if not self._unborn and self._free >= SPARE_THREADS:
            return
        with self._lock:
            self._forget_stillborn()
            while self._free < SPARE_THREADS and self._threads < self._size:
                self._start_thread()

    def can_keep_one(self) -> bool:
        """Whether a job may keep its thread for long, so that others still find one."""
        return not self._starving or self._free - len(self._unborn) >= SPARE_THREADS

    def _start_thread(self) -> None:
        if not self._unborn:
            count = _count_threads()
            self._others = None if count is None else count - self._threads
        self._attempts += 1
        attempt = self._attempts
        self._unborn[attempt] = monotonic()
        free, threads = self._free + 1, self._threads + 1
        try:
            _thread.start_new_thread(self._work, (attempt,))
        except BaseException:
            self._note_failure()
            del self._unborn[attempt]
            raise
        self._free, self._threads = free, threads

    def _note_failure(self) -> None:
        self._failed_attempt = self._attempts
        self._starving = True

    def _forget_stillborn(self) -> None:
        ages = {attempt: monotonic() - started_at for attempt, started_at in self._unborn.items()}
        late = [attempt for attempt, age in ages.items() if age > LATE_SECONDS]
        lost = sum(age > BIRTH_SECONDS for age in ages.values())
        for attempt in late[: max(lost, self._count_stillborn())] if late else ():
            del self._unborn[attempt]
            self._free, self._threads = self._free - 1, self._threads - 1
            self._note_failure()

    def _count_stillborn(self) -> int:
        """Return how many threads have ended before they began, as far as the system tells."""
        count = _count_threads()
        if count is None or self._others is None:
            return 0
        return max(0, self._threads + self._others - count)

    def _work(self, attempt: int) -> None:
        until_there_is_memory(self._begin, attempt)
        alarm = until_there_is_memory(threading.Lock)
        alarm.acquire()
        while (job := until_there_is_memory(self._queue.get, alarm)) is not None:
            job.run()
            del job  # A waiting thread would keep the buffers of its last connection.
            until_there_is_memory(self._become_free)
        self._queue.put(None)  # for the next thread

    def _begin(self, attempt: int) -> None:
        with self._lock:
            # One that was started before the last failure says nothing about the system now.
            if attempt > self._failed_attempt:
                self._starving = False
            if attempt in self._unborn:
                del self._unborn[attempt]
            else:
                self._free, self._threads = self._free + 1, self._threads + 1

    def _become_free(self) -> None:
        with self._lock:
            self._free += 1

    def shutdown(self) -> None:
        """Let each thread end after its job."""
        self._queue.put(None)


def _count_threads() -> int | None:
    """Return how many threads this process has; None where the system does not tell."""
    try:
        return len(os.listdir(TASKS))
    except OSError:
        return None


def until_there_is_memory(call: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function again and again while it raises MemoryError. Return its result."""
    while True:
        try:
            return call(*arguments)
        except MemoryError:
            _pause()


def _pause() -> None:
    try:
        sleep(MEMORY_PAUSE_SECONDS)
    except MemoryError:
        return
