"""The payload of a message that arrives in parts."""

from codecs import getincrementaldecoder
from io import BytesIO

from flask_echo.websocket.text_memory import WIDEST, width

# A BytesIO keeps an eighth of its size in reserve (CPython, Modules/_io/bytesio.c).
_RESERVE = 8


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

    def add(self, data: bytes) -> None:
        """Append a part.

        :raises UnicodeDecodeError: at the first byte that cannot be UTF-8 (RFC 6455, 8.1).
        """
        if self._decoder is not None:
            self._measure(self._decoder.decode(data))
        self._bytes.write(data)
        self.size += len(data)

    def _measure(self, text: str) -> None:
        if self._width < WIDEST and not text.isascii():
            self._width = max(self._width, width(text))

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
        """Return the message.

        :raises UnicodeDecodeError: if a text ends within a character.
        """
        data = self._bytes.getvalue()  # This is the buffer itself, and not a copy.
        return data.decode() if self._is_text else data


def _with_reserve(size: int) -> int:
    return size + size // _RESERVE
