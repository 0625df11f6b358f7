"""A bounded queue of texts, and a thread that writes them.

When the queue is full, lines are dropped and counted; when there is room again, a line tells the
count.

A forked worker begins with an empty queue and starts its own thread. The lines that waited in its
parent are written by its parent.

gunicorn's master imports this module; see :mod:`flask_echo.gunicorn_conf`.
"""

import atexit
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from time import monotonic, sleep, strftime
from typing import NamedTuple
from weakref import WeakSet

from flask_echo.logs.writing import Entry, pieces, shortened, write, write_if_room

# Room for about 4,000 lines of ended connections, which is more than the default number of seats.
# As much again may be in the hands of the thread.
QUEUE_BYTES = 1024 * 1024

# What an entry takes beside its text: the bytes object, the tuple, and its place in the list.
_ENTRY_BYTES = 33 + 56 + 8

# At exit, a process waits this long for all its streams together.
EXIT_SECONDS = 1.0

# After each write, texts gather for this long, unless half of the queue is full. One write, and one
# turn of the thread with the GIL, then takes the lines of all connections that ended meanwhile.
GATHER_SECONDS = 0.02

# Before a fork, a thread has this long to end. It needs less, unless it waits for a reader.
_REST_SECONDS = 0.1

# A thread without memory waits this long before it tries again.
_MEMORY_PAUSE_SECONDS = 0.01


class Loss(NamedTuple):
    """Lines that were dropped: how many, the descriptor of the last one, and why."""

    lines: int = 0
    descriptor: int = -1
    reason: str = ""

    def plus(self, entry: Entry, reason: str) -> "Loss":
        """Count one more text."""
        lines = entry.text.count(b"\n") or 1
        _dropped.add(lines)
        return Loss(self.lines + lines, entry.descriptor, reason)


_NO_LOSS = Loss()

# Returns a line that tells how many lines were dropped, and why.
Notice = Callable[[int, str], str]


def text_notice(lines: int, reason: str) -> str:
    """Return the line that tells a loss, in gunicorn's format."""
    now, pid = strftime("[%Y-%m-%d %H:%M:%S %z]"), os.getpid()
    return f"{now} [{pid}] [WARNING] {lines} log lines were dropped: {reason}\n"


class _Total:
    """How many lines this process has dropped.

    The lock is reentrant, like that of a :class:`LogWriter`.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.lines = 0

    def add(self, lines: int) -> None:
        with self._lock:
            self.lines += lines


_dropped = _Total()


def lines_dropped() -> int:
    """Return how many lines this process has dropped so far."""
    return _dropped.lines


class LogWriter:
    """A bounded queue of texts, and the thread that writes them.

    All methods may be called in all threads and in signal handlers. Only :meth:`flush` waits, and
    the process at its end.

    Each text brings its own descriptor: streams to the same file share a writer, which keeps their
    order.

    :param capacity: how many bytes may wait.
    :param notice: makes the line that tells a loss.
    """

    def __init__(self, capacity: int = QUEUE_BYTES, notice: Notice = text_notice) -> None:
        self._capacity = capacity
        self._notice = notice
        self.begin()
        _writers.add(self)

    def begin(self, direct: bool = False) -> None:
        """Begin with nothing. A fork calls this in the child, where no other thread lives on.

        :param direct: write at once, and block, as Python's own streams do.
        """
        self._direct = direct
        self._exit_at: float | None = None
        # Reentrant: a signal handler or a finalizer may log while its thread holds the lock.
        self._lock = threading.RLock()
        self._waiting: list[Entry] = []
        self._size = 0
        self._loss = _NO_LOSS
        # Whether the thread looks for texts by itself soon.
        self._gathering = False
        self._thread: threading.Thread | None = None
        # The thread writes all that waits, then does the task. None ends it. A SimpleQueue is
        # reentrant, and an Event is not.
        self._tasks: SimpleQueue[Callable[[], object] | None] = SimpleQueue()

    def put(self, descriptor: int, text: bytes) -> None:
        """Queue a text, or drop and count it if there is no room."""
        entry = Entry(descriptor, shortened(text))
        if self._direct:
            write(entry)
            return
        if sys.is_finalizing():
            write_if_room(entry)
            return
        size = len(entry.text) + _ENTRY_BYTES
        with self._lock:
            if self._size + size > self._capacity:
                self._loss = self._loss.plus(entry, "the log is not read fast enough")
                return
            if self._must_wake(size):
                self._tasks.put(_nothing)
            self._waiting.append(entry)
            self._size += size
            self._need_thread()
        if self._exit_at is not None:
            self.flush(self._exit_at)

    def _must_wake(self, size: int) -> bool:
        """Return whether the thread must be told of a text that takes ``size`` bytes."""
        if not self._gathering:
            return not self._waiting
        return self._size <= self._capacity // 2 < self._size + size

    def finish(self, deadline: float) -> None:
        """Flush, and flush each later text as well, all until the same deadline.

        The process ends, and its end does not wait for the thread.
        """
        self._exit_at = deadline
        self.flush(deadline)

    def flush(self, deadline: float) -> None:
        """Wait until all texts so far are written, until a deadline on the monotonic clock."""
        with self._lock:
            if self._waiting:
                self._need_thread()
            if self._thread is None:
                return
        done: SimpleQueue[None] = SimpleQueue()
        self._tasks.put(partial(done.put, None))
        with suppress(Empty):
            done.get(timeout=max(0.0, deadline - monotonic()))

    def close(self, release: Callable[[], object]) -> None:
        """Have the texts so far written, then ``release`` called, and the thread ended."""
        with self._lock:
            if self._thread is None:
                release()
                return
        self._tasks.put(release)
        self._tasks.put(None)

    def rest(self, seconds: float) -> None:
        """End the thread until the next text, if it ends within ``seconds``."""
        thread = self._thread
        if thread is not None:
            self._tasks.put(None)
            thread.join(seconds)

    def _need_thread(self) -> None:
        if self._thread is not None:
            return
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        try:
            self._thread.start()
        except (RuntimeError, MemoryError):  # No room for a thread: the next text tries again.
            self._thread = None

    # -- In the thread ---------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._has_ended():
                sleep(_MEMORY_PAUSE_SECONDS)
        finally:
            with self._lock:
                self._thread = None
                # Something came while the thread was told to end.
                if self._waiting or not self._tasks.empty():
                    self._need_thread()

    def _has_ended(self) -> bool:
        """Write until the thread is told to end, or there is no memory.

        Then this thread goes on. A new one would need memory, too, and without it for its first
        step, its starter would wait for ever, and hold the lock.
        """
        try:
            self._write_waiting()
            while (task := self._next_task()) is not None:
                self._write_waiting()
                task()
            self._write_waiting()
        except MemoryError:
            return False
        return True

    def _next_task(self) -> Callable[[], object] | None:
        """Wait for a task. Look for texts now and then, until none have come."""
        with suppress(Empty):
            return self._tasks.get(timeout=GATHER_SECONDS)
        with self._lock:
            self._gathering = bool(self._waiting)
        return _nothing if self._gathering else self._tasks.get()

    def _write_waiting(self) -> None:
        with self._lock:
            entries, self._waiting, self._size = self._waiting, [], 0
            loss, self._loss = self._loss, _NO_LOSS
            self._gathering = True
        for piece in pieces(entries):
            failure = write(piece)
            if failure:
                loss = loss.plus(piece, failure)
        if loss.lines and write(self._notice_of(loss)):
            with self._lock:  # The loss is told when the descriptor works again.
                self._loss = loss._replace(lines=loss.lines + self._loss.lines)

    def _notice_of(self, loss: Loss) -> Entry:
        return Entry(loss.descriptor, self._notice(loss.lines, loss.reason).encode())


# The process whose children are gunicorn's workers.
_home = os.getpid()

_writers: WeakSet[LogWriter] = WeakSet()


def become_home() -> None:
    """Note that this process is the one whose children are gunicorn's workers."""
    global _home
    _home = os.getpid()


def _rest_before_fork() -> None:
    """Let the master fork without other threads, unless one waits for a reader."""
    if os.getpid() == _home:
        for writer in list(_writers):
            writer.rest(_REST_SECONDS)


def _begin_in_child() -> None:
    """Begin anew after a fork.

    A child of a worker is a process of the application. It may end with ``os._exit``, as those of
    ``multiprocessing`` do, after it has flushed its streams. So it writes its texts at once.
    """
    global _dropped
    _dropped = _Total()
    direct = os.getppid() != _home
    for writer in list(_writers):
        writer.begin(direct)


def _finish() -> None:
    """At exit, wait a short time for the texts that are not written."""
    deadline = monotonic() + EXIT_SECONDS
    for writer in list(_writers):
        writer.finish(deadline)


os.register_at_fork(before=_rest_before_fork, after_in_child=_begin_in_child)
atexit.register(_finish)


def _nothing() -> None:
    """Wake the thread: it writes before each task."""
