"""Messages that arrive in parts: in pieces of a frame, and in fragments (RFC 6455, section 5.4)."""

from collections.abc import Iterator

from flask_echo.websocket import frames
from flask_echo.websocket.assembly import Assembly
from flask_echo.websocket.deflate import Inflater
from flask_echo.websocket.frames import Header
from flask_echo.websocket.masking import unmask


class ArrivingMessage:
    """A message of common frames, one after the other.

    The buffer grows with the bytes that arrive. The length that a peer declares costs nothing.

    :param header: of its first frame.
    :param expected: how many bytes the message will have; 0 if that is not known.
    :ivar payload: what has arrived.
    :ivar declared: the bytes of payload on the wire that the frames so far declare.
    :ivar left: how many bytes of the frame's payload are missing.
    """

    __slots__ = ("_is_final", "_key", "declared", "left", "payload")

    def __init__(self, header: Header, expected: int) -> None:
        self.payload = Assembly(header.first & frames.OPCODE == frames.TEXT, expected)
        self.declared = self.left = 0
        self._is_final = False
        self._key = b""

    def begin_frame(self, header: Header, key: bytes) -> None:
        """Begin the first frame, or the next one when nothing is left of the one before."""
        self.declared += header.length
        self.left = header.length
        self._is_final = header.is_final
        self._key = key

    @property
    def is_whole(self) -> bool:
        """Whether all of the message has arrived."""
        return self._is_final and not self.left

    def _unmask(self, piece: bytes) -> bytes:
        """Take the next bytes of the frame's payload."""
        self.left -= len(piece)
        unmasked = unmask(piece, self._key)
        rotation = len(piece) % 4
        self._key = self._key[rotation:] + self._key[:rotation]
        return unmasked


class PlainMessage(ArrivingMessage):
    """A message without compression."""

    __slots__ = ()

    def __init__(self, header: Header) -> None:
        super().__init__(header, header.length if header.is_final else 0)

    def longest(self, limit: int) -> int:
        """Return how many bytes its frames may declare, if the message may have ``limit``."""
        return limit

    def add(self, piece: bytes) -> None:
        """Take a piece of the frame's payload.

        :raises UnicodeDecodeError: at the first byte that cannot be UTF-8.
        """
        self.payload.add(self._unmask(piece))


class CompressedMessage(ArrivingMessage):
    """A compressed message (RFC 7692, section 6).

    :param inflater: of this connection.
    """

    __slots__ = ("_inflater",)

    def __init__(self, header: Header, inflater: Inflater) -> None:
        super().__init__(header, 0)
        self._inflater = inflater

    def longest(self, limit: int) -> int:
        """Return how many bytes its frames may declare, if the message may have ``limit``.

        Fixed Huffman codes make 8 bits into 9 (RFC 1951, section 3.2.6); no sane encoder does
        worse.
        """
        return limit + limit // 8 + 1024

    def add(self, piece: bytes) -> Iterator[bytes]:
        """Take a piece of the frame's payload. Return what it inflates to, in steps of at most 16
        KiB, which the caller appends to the message.

        :raises zlib.error: if it cannot be inflated.
        """
        payload = self._unmask(piece)
        if self.is_whole:
            return self._inflater.last_steps(payload)
        return self._inflater.steps(payload)
