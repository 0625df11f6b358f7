"""A small pipe, and logs that cannot be written."""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

PIPE_BYTES = 4096  # the smallest pipe of Linux; it takes no more than this unread


class Pipe:
    """A pipe of the smallest size.

    :ivar reader: the descriptor of its reading end; -1 if nobody has it.
    :ivar writer: the descriptor of its writing end.
    """

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def fill(self) -> None:
        """Write until nothing more fits."""
        os.write(self.writer, b"x" * PIPE_BYTES)

    def read(self, end: bytes) -> bytes:
        """Read until the text ends with ``end``."""
        text = b""
        while not text.endswith(end):
            text += os.read(self.reader, 65536)
        return text

    def break_(self) -> None:
        """Close the reading end."""
        os.close(self.reader)
        self.reader = -1

    def close(self) -> None:
        """Close what is open."""
        for descriptor in (self.reader, self.writer):
            if descriptor >= 0:
                os.close(descriptor)


@contextmanager
def open_pipe() -> Iterator[Pipe]:
    """Make a pipe, and close it at the end."""
    pipe = Pipe()
    try:
        yield pipe
    finally:
        pipe.close()


@contextmanager
def hopeless_log(kind: str) -> Iterator[int]:
    """Return a descriptor that takes no line.

    :param kind: ``unread`` is a full pipe that nobody reads, ``broken`` one without a reader, and
        ``full`` a full disk.
    """
    with open_pipe() as pipe:
        if kind == "unread":
            pipe.fill()
            yield pipe.writer
        elif kind == "broken":
            pipe.break_()
            yield pipe.writer
        else:
            disk = os.open("/dev/full", os.O_WRONLY)
            try:
                yield disk
            finally:
                os.close(disk)


class Account:
    """Accounts for numbered lines: each has arrived in its order, or was told to be dropped.

    :ivar lines: the number of lines so far.
    :ivar dropped: how many of them were dropped.
    :ivar pid: the process that told it.
    """

    _NOTICE = re.compile(r"\[[^]]*\] \[(\d+)\] \[WARNING\] (\d+) log lines were dropped: ")

    def __init__(self) -> None:
        self.lines = self.dropped = self.pid = 0

    def read(self, text: str) -> None:
        """Account for whole lines. Each begins with its number, or tells how many are missing."""
        for line in text.splitlines():
            notice = self._NOTICE.match(line)
            if notice:
                self.pid = int(notice[1])
                self.dropped += int(notice[2])
                self.lines += int(notice[2])
            else:
                assert re.match(f"{self.lines}\\b", line), (self.lines, line)
                self.lines += 1
