"""Streams of random events: a Poisson process that anybody can compute for any time.

An event stream is a function of its name, its mean interval and the time. Nothing is stored, and
all machines have the same events. So the arithmetic is done in whole nanoseconds: floating-point
functions may differ in the last digit from one machine to another.

Time is divided into cells of :data:`_PER_CELL` mean intervals. A hash of the stream and the number
of a cell says how many events the cell has, by the Poisson distribution, and then where each of
them lies, uniformly. That is a Poisson process (J. F. C. Kingman, Poisson Processes, 1993, section
2.4), and a lookup costs the same at all times.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from decimal import Decimal, localcontext
from functools import cache
from hashlib import sha256, shake_256
from itertools import islice, takewhile

NANOSECONDS = 1_000_000_000

# Events that one query returns. More would take the thread for more than some milliseconds.
MOST_EVENTS = 1000

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_MEAN = re.compile(r"[0-9]{1,4}(\.[0-9]{1,9})?")
_SHORTEST_MEAN, _LONGEST_MEAN = Decimal("0.05"), Decimal(3600)

# The mean number of events in a cell. A lookup computes a cell or two, and few cells are empty.
_PER_CELL = 8
# A random number has 64 bits.
_BITS = 64
_NUMBER_BYTES = _BITS // 8
# Numbers that a cell's hash yields: one for the count, and one for each event.
_NUMBERS = 1 + 64

_TAG_CHARACTERS = 8
_CURSOR = re.compile(rf"([0-9a-f]{{{_TAG_CHARACTERS}}})-([0-9a-f]{{1,16}})")


class BadCursor(ValueError):
    """A text is no cursor of this stream."""


def checked_name(text: str) -> str:
    """Return ``text`` if it can name a stream: 1 to 64 letters, digits, ``.``, ``_`` and ``-``.

    :raises ValueError: if it cannot.
    """
    if not _NAME.fullmatch(text):
        raise ValueError(text)
    return text


def checked_mean(text: str) -> Decimal:
    """Return the seconds that ``text`` stands for in decimal notation: 0.05 to 3600.

    :raises ValueError: if it stands for no such number, or has more than nine decimals.
    """
    if not _MEAN.fullmatch(text) or not _SHORTEST_MEAN <= Decimal(text) <= _LONGEST_MEAN:
        raise ValueError(text)
    return Decimal(text)


class Stream:
    """The events with one name and one mean interval. A position is a time in nanoseconds (Unix).

    :param name: see :func:`checked_name`.
    :param mean: the mean interval between events in seconds; see :func:`checked_mean`.
    :raises ValueError: for another name or mean.
    """

    def __init__(self, name: str, mean: str) -> None:
        nanoseconds = int(checked_mean(mean) * NANOSECONDS)  # Exact: _MEAN allows nine decimals.
        self._cell_length = _PER_CELL * nanoseconds
        self._key = sha256(f"{checked_name(name)} {nanoseconds}".encode()).digest()
        self._tag = self._key.hex()[:_TAG_CHARACTERS]

    def after(self, position: int) -> Iterator[int]:
        """Yield the positions of all events after ``position``, without end."""
        cell = position // self._cell_length
        events = self._events(cell)
        yield from events[bisect_right(events, position) :]
        while True:
            cell += 1
            yield from self._events(cell)

    def between(self, position: int, end: int, most: int = MOST_EVENTS) -> list[int]:
        """Return the first events after ``position`` and until ``end``, which belongs to it.

        :param most: how many at most.
        """
        until_the_end = takewhile(lambda event: event <= end, self.after(position))
        return list(islice(until_the_end, most))

    def cursor(self, position: int) -> str:
        """Return the text that stands for ``position`` in this stream."""
        return f"{self._tag}-{position:x}"

    def position(self, cursor: str) -> int:
        """Return the position that ``cursor`` stands for.

        :raises BadCursor: if it is no cursor, or one of another stream.
        """
        match = _CURSOR.fullmatch(cursor)
        if match is None or match[1] != self._tag:
            raise BadCursor(cursor)
        return int(match[2], 16)

    def _events(self, cell: int) -> list[int]:
        """Return the events of a cell, in order. No two of them have the same position."""
        seed = self._key + cell.to_bytes(16, "big", signed=True)
        data = shake_256(seed).digest(_NUMBERS * _NUMBER_BYTES)
        count = bisect_left(_distribution(), _number(data, 0) + 1)
        start = cell * self._cell_length
        offsets = {(_number(data, i) * self._cell_length) >> _BITS for i in range(1, count + 1)}
        return [start + offset for offset in sorted(offsets)]


def _number(data: bytes, index: int) -> int:
    start = index * _NUMBER_BYTES
    return int.from_bytes(data[start : start + _NUMBER_BYTES], "big")


@cache
def _distribution() -> list[int]:
    """Return, for each k, the probability of k events or fewer in a cell, times 2 to the 64.

    ``decimal`` rounds exp correctly, so all machines have the same numbers.
    """
    with localcontext(prec=60):
        term = total = (-Decimal(_PER_CELL)).exp()
        scaled: list[int] = []
        while len(scaled) < _NUMBERS - 1:
            scaled.append(int(total * 2**_BITS))
            term = term * _PER_CELL / len(scaled)
            total += term
    return [*scaled, 2**_BITS]
