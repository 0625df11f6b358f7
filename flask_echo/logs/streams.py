"""Streams that nobody waits for.

A write to a pipe that nobody reads, to a stopped terminal or to a stuck disk blocks. The streams of
this module put each text into the queue of a :class:`~flask_echo.logs.queue.LogWriter`.
:func:`install` replaces ``sys.stdout`` and ``sys.stderr`` by such streams, so that whatever writes
there later does not block.

gunicorn's master imports this module; see :mod:`flask_echo.gunicorn_conf`.
"""

import atexit
import io
import os
import sys
from contextlib import suppress
from typing import Any, NamedTuple, TextIO, cast

from flask_echo.logs.queue import QUEUE_BYTES, LogWriter, Notice, become_home, text_notice


class Raw(io.RawIOBase):
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
        self.put(text)
        return len(text)

    def put(self, text: bytes) -> None:
        """Queue a text as it is."""
        self._writer.put(self._descriptor, text)

    def finish(self) -> None:
        """Queue what has been kept back, if anything: the process ends."""

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def close(self) -> None:
        if not self.closed:
            self.finish()
        file, self._file = self._file, None
        if file is not None:
            self._writer.close(file.close)
        super().close()


class Style(NamedTuple):
    """What a stream makes of texts.

    :ivar raw: takes the bytes.
    :ivar notice: makes the line that tells a loss.
    :ivar stream: takes the texts, with these options beside the usual ones.
    """

    raw: type[Raw]
    notice: Notice
    stream: type[io.TextIOWrapper]
    options: dict[str, Any]


# Python's own stderr buffers lines, too.
TEXT = Style(Raw, text_notice, io.TextIOWrapper, {"line_buffering": True})


def queued(file: io.TextIOWrapper, style: Style = TEXT) -> io.TextIOWrapper:
    """Return a stream to the same file that does not block. Closing it closes the file."""
    writer = LogWriter(QUEUE_BYTES, style.notice)
    return _stream(style, style.raw(writer, file.fileno(), file.name, file), file.encoding)


def is_queued(stream: object, style: Style = TEXT) -> bool:
    """Return whether a stream is one of this module, in this style."""
    return isinstance(getattr(stream, "buffer", None), style.raw)


def unblocked(stream: TextIO, writer: LogWriter | None = None, style: Style = TEXT) -> TextIO:
    """Return a stream to the same descriptor that does not block.

    :param stream: a text stream. One that is not Python's own, such as a wrapper of the
        application, is returned itself.
    :param writer: shared by streams that must keep their order.
    """
    if type(stream) is not io.TextIOWrapper or is_queued(stream, style):
        return stream
    with suppress(OSError, ValueError):
        stream.flush()  # It would write the rest at exit, and so would each worker.
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return stream
    writer = writer or LogWriter(QUEUE_BYTES, style.notice)
    return _stream(style, style.raw(writer, descriptor, stream.name), stream.encoding)


def install(style: Style = TEXT) -> None:
    """Replace ``sys.stdout`` and ``sys.stderr`` by streams that do not block."""
    become_home()
    # In this order: the lowest free descriptor is the one that is closed.
    sys.stdin = sys.stdin or _null("r")
    stdout, stderr = sys.stdout or _null("w"), sys.stderr or _null("w")
    writer = LogWriter(QUEUE_BYTES, style.notice)
    together = _same_file(stdout, stderr)
    sys.stderr = unblocked(stderr, writer, style)
    sys.stdout = unblocked(stdout, writer if together else None, style)


def _flush_at_exit() -> None:
    for stream in (sys.stdout, sys.stderr):
        if is_queued(stream):
            stream.flush()
            cast(Raw, stream.buffer).finish()


# It runs before the function of the queue, which was registered earlier.
atexit.register(_flush_at_exit)


def _stream(style: Style, raw: Raw, encoding: str) -> io.TextIOWrapper:
    # Python's own stderr has the same error handler.
    options = {"encoding": encoding, "errors": "backslashreplace", **style.options}
    return style.stream(raw, **options)


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
