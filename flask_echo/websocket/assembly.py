"""The payload of a message that arrives in parts."""

from codecs import getincrementaldecoder
from io import BytesIO
from sys import getsizeof

# A BytesIO keeps an eighth of its size in reserve (CPython, Modules/_io/bytesio.c).
_RESERVE = 8

# CPython keeps a character in one, two or four bytes, behind a header of about 74 bytes. The
# header of a shorter text would hide that.
_MEASURABLE = 200
_HEADER_BYTES = 74
_WIDEST = 4


class Assembly:
    """Collects bytes. A text is checked as it arrives, and decoded once, at the end.

    A text kept as one :class:`str` per part would take 50 bytes more for each part.

    :param is_text: whether the payload must be UTF-8.
    :param expected: how many bytes will come; 0 if that is not known.
    :ivar size: bytes so far.
    """

    def __init__(self, is_text: bool, expected: int = 0) -> None:
        self.size = 0
        self._expected = expected
        self._bytes = BytesIO()
        self._decoder = getincrementaldecoder("utf-8")() if is_text else None
        self._is_text = is_text
        # Bytes per character of the widest part that is not ASCII.
        self._width = 0

    def add(self, data: bytes | bytearray, is_last: bool) -> None:
        """Append a part.

        :raises UnicodeDecodeError: at the first byte that cannot be UTF-8 (RFC 6455, 8.1).
        """
        if self._decoder is not None:
            self._measure(self._decoder.decode(data, is_last))
        self._bytes.write(data)
        self.size += len(data)

    def add_text(self, text: str) -> None:
        """Append a part of a text that is known to be UTF-8."""
        self._measure(text)
        self.size += self._bytes.write(text.encode())

    def _measure(self, text: str) -> None:
        if self._width < _WIDEST and not text.isascii():
            self._width = max(self._width, _width(text))

    @property
    def held(self) -> int:
        """How many bytes of memory this takes."""
        return _with_reserve(self.size)

    @property
    def cost(self) -> int:
        """How many bytes of memory to hold for this until it is finished.

        If its size is known before, that is the cost of it all. Messages that get their memory bit
        by bit would wait for each other, and none of them would get it all.
        """
        size = max(self.size, self._expected)
        return max(_with_reserve(size), self._cost_of_finishing(self._expected))

    @property
    def cost_of_finishing(self) -> int:
        """How many bytes of memory this takes while :meth:`finish` works."""
        return max(self.held, self._cost_of_finishing(self.size))

    def _cost_of_finishing(self, size: int) -> int:
        if not self._is_text:
            return size
        if self._width == 0:
            return 2 * size
        # The decoder begins with one byte for each byte of input. At the first character that is
        # not ASCII it makes room for the same number of wider ones.
        return (2 + self._width) * size

    def finish(self) -> str | bytes:
        """Return the message."""
        data = self._bytes.getvalue()  # This is the buffer itself, and not a copy.
        return data.decode() if self._is_text else data


def _with_reserve(size: int) -> int:
    return size + size // _RESERVE


def _width(text: str) -> int:
    """Return the bytes per character of a text that is not ASCII."""
    if len(text) < _MEASURABLE:
        return _WIDEST
    return round((getsizeof(text) - _HEADER_BYTES) / len(text))
