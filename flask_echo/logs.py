"""Standard output and standard error that nobody waits for.

A write to a pipe that nobody reads, to a stopped terminal or to a stuck disk blocks. The streams of
this module put each text into a bounded queue, and a thread of its own writes it. When the queue is
full, lines are dropped and counted; when there is room again, a line tells the count.
:func:`install` replaces ``sys.stdout`` and ``sys.stderr`` by such streams, so that whatever writes
there later does not block.

A forked worker begins with an empty queue and starts its own thread. The lines that waited in its
parent are written by its parent.

gunicorn's master imports this module; see :mod:`flask_echo.gunicorn_conf`.
"""

import atexit
import io
import os
import select
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from time import monotonic, sleep, strftime
from typing import NamedTuple, TextIO, cast
from weakref import WeakSet

# Room for about 4,000 lines of ended connections, which is more than the default number of seats.
# As much again may be in the hands of the thread.
QUEUE_BYTES = 1024 * 1024

# What an entry takes beside its text: the bytes object, the tuple, and its place in the list.
_ENTRY_BYTES = 33 + 56 + 8

# A longer text is cut. The longest usual ones are tracebacks, of a few KiB.
LONGEST_TEXT = 64 * 1024

# At exit, a process waits this long for all its streams together.
EXIT_SECONDS = 1.0

# After each write, texts gather for this long, unless half of the queue is full. One write, and one
# turn of the thread with the GIL, then takes the lines of all connections that ended meanwhile.
GATHER_SECONDS = 0.02

# Before a fork, a thread has this long to end. It needs less, unless it waits for a reader.
_REST_SECONDS = 0.1

# A thread without memory waits this long before it tries again.
_MEMORY_PAUSE_SECONDS = 0.01

# Linux writes this much to a pipe in one piece (PIPE_BUF), so lines of two workers do not mix.
_PIECE_BYTES = 4096


class Entry(NamedTuple):
    """A text, and the descriptor that it is written to."""

    descriptor: int
    text: bytes


class Loss(NamedTuple):
    """Lines that were dropped: how many, the descriptor of the last one, and why."""

    lines: int = 0
    descriptor: int = -1
    reason: str = ""

    def plus(self, entry: Entry, reason: str) -> "Loss":
        """Count one more text."""
        lines = entry.text.count(b"\n") or 1
        return Loss(self.lines + lines, entry.descriptor, reason)

    def notice(self) -> Entry:
        """Return a line that tells the loss, in gunicorn's format."""
        now, pid = strftime("[%Y-%m-%d %H:%M:%S %z]"), os.getpid()
        text = f"{now} [{pid}] [WARNING] {self.lines} log lines were dropped: {self.reason}\n"
        return Entry(self.descriptor, text.encode())


_NO_LOSS = Loss()


class LogWriter:
    """A bounded queue of texts, and the thread that writes them.

    All methods may be called in all threads and in signal handlers. Only :meth:`flush` waits, and
    the process at its end.

    Each text brings its own descriptor: streams to the same file share a writer, which keeps their
    order.

    :param capacity: how many bytes may wait.
    """

    def __init__(self, capacity: int = QUEUE_BYTES) -> None:
        self._capacity = capacity
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
        entry = Entry(descriptor, _shortened(text))
        if self._direct:
            _write(entry)
            return
        if sys.is_finalizing():
            _write_if_room(entry)
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
        for piece in _pieces(entries):
            failure = _write(piece)
            if failure:
                loss = loss.plus(piece, failure)
        if loss.lines and _write(loss.notice()):
            with self._lock:  # The loss is told when the descriptor works again.
                self._loss = loss._replace(lines=loss.lines + self._loss.lines)


class _Raw(io.RawIOBase):
    """The bytes of a stream, on their way into a writer.

    :param file: is closed with this stream, after the writer has written its texts.
    """

    def __init__(
        self, writer: LogWriter, descriptor: int, name: str, file: io.TextIOWrapper | None = None
    ) -> None:
        self._writer = writer
        self._descriptor = descriptor
        self._file = file
        self.name = name

    def writable(self) -> bool:
        return True

    def write(self, data: "bytes | bytearray | memoryview") -> int:  # type: ignore[override]
        text = bytes(data)
        self._writer.put(self._descriptor, text)
        return len(text)

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            self._writer.close(file.close)
        super().close()


def queued(file: io.TextIOWrapper) -> io.TextIOWrapper:
    """Return a stream to the same file that does not block. Closing it closes the file."""
    raw = _Raw(LogWriter(), file.fileno(), file.name, file)
    return _stream(raw, file.encoding)


def is_queued(stream: object) -> bool:
    """Return whether a stream is one of this module."""
    return isinstance(getattr(stream, "buffer", None), _Raw)


def unblocked(stream: TextIO, writer: LogWriter | None = None) -> TextIO:
    """Return a stream to the same descriptor that does not block.

    :param stream: a text stream. One that is not Python's own, such as a wrapper of the
        application, is returned itself.
    :param writer: shared by streams that must keep their order.
    """
    if type(stream) is not io.TextIOWrapper or is_queued(stream):
        return stream
    with suppress(OSError, ValueError):
        stream.flush()  # It would write the rest at exit, and so would each worker.
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return stream
    return _stream(_Raw(writer or LogWriter(), descriptor, stream.name), stream.encoding)


def install() -> None:
    """Replace ``sys.stdout`` and ``sys.stderr`` by streams that do not block."""
    global _home
    _home = os.getpid()
    # In this order: the lowest free descriptor is the one that is closed.
    sys.stdin = sys.stdin or _null("r")
    stdout, stderr = sys.stdout or _null("w"), sys.stderr or _null("w")
    writer = LogWriter()
    together = _same_file(stdout, stderr)
    sys.stderr = unblocked(stderr, writer)
    sys.stdout = unblocked(stdout, writer if together else None)


# The process whose children are gunicorn's workers.
_home = os.getpid()

_writers: WeakSet[LogWriter] = WeakSet()


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
    direct = os.getppid() != _home
    for writer in list(_writers):
        writer.begin(direct)


def _finish() -> None:
    """At exit, wait a short time for the texts that are not written."""
    for stream in (sys.stdout, sys.stderr):
        if is_queued(stream):
            stream.flush()
    deadline = monotonic() + EXIT_SECONDS
    for writer in list(_writers):
        writer.finish(deadline)


os.register_at_fork(before=_rest_before_fork, after_in_child=_begin_in_child)
atexit.register(_finish)


def _nothing() -> None:
    """Wake the thread: it writes before each task."""


def _stream(raw: _Raw, encoding: str) -> io.TextIOWrapper:
    # Python's own stderr has the same error handler and buffering.
    return io.TextIOWrapper(raw, encoding, "backslashreplace", line_buffering=True)


def _null(mode: str) -> TextIO:
    """Open /dev/null in place of a standard stream that Python found closed.

    If its descriptor stayed free, the next connection would get it, and read what is written there.
    """
    return cast(TextIO, open(os.open(os.devnull, os.O_RDWR), mode, closefd=False))


def _same_file(one: TextIO, other: TextIO) -> bool:
    try:
        return os.path.sameopenfile(one.fileno(), other.fileno())
    except (OSError, ValueError):
        return False


def _shortened(text: bytes) -> bytes:
    if len(text) <= LONGEST_TEXT:
        return text
    return b"%b... (%d bytes cut)\n" % (text[:LONGEST_TEXT], len(text) - LONGEST_TEXT)


def _pieces(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Join texts to the same descriptor, up to the size that a pipe takes in one piece."""
    texts: list[bytes] = []
    size, last = 0, -1
    for descriptor, text in entries:
        if texts and (descriptor != last or size + len(text) > _PIECE_BYTES):
            yield Entry(last, b"".join(texts))
            texts, size = [], 0
        texts.append(text)
        size, last = size + len(text), descriptor
    if texts:
        yield Entry(last, b"".join(texts))


def _write(entry: Entry) -> str | None:
    """Write a text, however long that takes. Return why it failed, or None."""
    rest = memoryview(entry.text)
    while rest:
        try:
            rest = rest[os.write(entry.descriptor, rest) :]
        except BlockingIOError:  # Somebody made the file non-blocking, for all who share it.
            _has_room(entry.descriptor, None)
        except OSError as error:
            return error.strerror or str(error)
    return None


def _write_if_room(entry: Entry) -> None:
    """Write the begin of a text, if that does not block.

    This is for the very last words of Python. It runs no other threads any more: a new one would
    not start, and its starter would wait for ever.
    """
    with suppress(OSError):
        if _has_room(entry.descriptor, 0):
            os.write(entry.descriptor, entry.text[:_PIECE_BYTES])


def _has_room(descriptor: int, milliseconds: int | None) -> bool:
    """Wait until a descriptor takes a piece, or fails; without a limit if that is None."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(milliseconds))
