"""Streams that write nothing but lines of JSON.

A line of a :class:`~flask_echo.logs.json_line.JsonFormatter` goes through. Whatever else is
written, by ``print``, by Python itself or by a handler with another formatter, becomes the body of
a line.

gunicorn's master imports this module; see :mod:`flask_echo.gunicorn_conf`.
"""

import io
import threading
from typing import Any, cast

from flask_echo.logs.json_line import Line, notice, of_text
from flask_echo.logs.streams import Raw, Style
from flask_echo.logs.writing import LONGEST_TEXT


class JsonRaw(Raw):
    """Wraps what arrives up to a line end. A text without one waits for it.

    ``print`` writes its line end separately. So each thread has its own text that waits: the words
    of two threads do not mix, and no lock is held at a fork or in a signal handler.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        name = str(self.name).strip("<>")
        self._iostream = name if name in ("stdout", "stderr") else None
        self._local = threading.local()

    def put(self, text: bytes) -> None:
        """Queue the whole lines of a text as one line of JSON."""
        text = getattr(self._local, "waiting", b"") + text
        whole, _, rest = text.rpartition(b"\n")
        if len(rest) > LONGEST_TEXT:
            whole, rest = text, b""
        self._local.waiting = rest
        self._wrap(whole)

    def put_line(self, line: Line) -> None:
        """Queue a line of JSON with its end."""
        super().put(line.encode())

    def finish(self) -> None:
        """Queue what this thread has written without a line end."""
        rest, self._local.waiting = getattr(self._local, "waiting", b""), b""
        self._wrap(rest)

    def _wrap(self, text: bytes) -> None:
        if text.strip():
            self.put_line(of_text(text, self._iostream) + "\n")


class JsonStream(io.TextIOWrapper):
    """A text stream on a :class:`JsonRaw`."""

    def write(self, text: str) -> int:
        """Write a line as it is, and any other text wrapped."""
        if not isinstance(text, Line):
            return super().write(text)
        cast(JsonRaw, self.buffer).put_line(text)
        return len(text)


# Texts go to the raw stream at once, in the thread that writes them.
JSON = Style(JsonRaw, notice, JsonStream, {"encoding": "utf-8", "write_through": True})
