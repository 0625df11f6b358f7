"""Writing texts to descriptors, in pieces that a pipe takes as a whole.

gunicorn's master imports this module; see :mod:`flask_echo.gunicorn_conf`.
"""

import os
import select
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

# A longer text is cut. The longest usual ones are tracebacks, of a few KiB.
LONGEST_TEXT = 64 * 1024

# Linux writes this much to a pipe in one piece (PIPE_BUF), so lines of two workers do not mix.
PIECE_BYTES = 4096


class Entry(NamedTuple):
    """A text, and the descriptor that it is written to."""

    descriptor: int
    text: bytes


def shortened(text: bytes) -> bytes:
    if len(text) <= LONGEST_TEXT:
        return text
    return b"%b... (%d bytes cut)\n" % (text[:LONGEST_TEXT], len(text) - LONGEST_TEXT)


def pieces(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Join texts to the same descriptor, up to the size that a pipe takes in one piece."""
    texts: list[bytes] = []
    size, last = 0, -1
    for descriptor, text in entries:
        if texts and (descriptor != last or size + len(text) > PIECE_BYTES):
            yield Entry(last, b"".join(texts))
            texts, size = [], 0
        texts.append(text)
        size, last = size + len(text), descriptor
    if texts:
        yield Entry(last, b"".join(texts))


def write(entry: Entry) -> str | None:
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


def write_if_room(entry: Entry) -> None:
    """Write the begin of a text, if that does not block.

    This is for the very last words of Python. It runs no other threads any more: a new one would
    not start, and its starter would wait for ever.
    """
    with suppress(OSError):
        if _has_room(entry.descriptor, 0):
            os.write(entry.descriptor, entry.text[:PIECE_BYTES])


def _has_room(descriptor: int, milliseconds: int | None) -> bool:
    """Wait until a descriptor takes a piece, or fails; without a limit if that is None."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(milliseconds))
