"""Compressed messages in one frame, the usual ones, without wsproto (RFC 7692, section 6)."""

from collections.abc import Iterator

from flask_echo.websocket import frames
from flask_echo.websocket.assembly import Assembly
from flask_echo.websocket.deflate import Inflater
from flask_echo.websocket.frames import Header
from flask_echo.websocket.masking import unmask

_COMPRESSED_TEXT = frames.FIN | frames.RSV1 | frames.TEXT
_COMPRESSED_BINARY = frames.FIN | frames.RSV1 | frames.BINARY


class CompressedFrame:
    """A final, masked and compressed data frame that starts a message, and so is all of it.

    :param inflater: of this connection.
    :ivar payload: what has arrived, after inflating.
    :ivar left: how many bytes of the frame's payload are missing.
    """

    def __init__(self, header: Header, key: bytes, inflater: Inflater) -> None:
        self.left = header.length
        self.payload = Assembly(header.first == _COMPRESSED_TEXT)
        self._key = key
        self._inflater = inflater

    @staticmethod
    def header(data: bytes, start: int) -> tuple[Header, bytes, int] | None:
        """Parse a complete header at index ``start``, if it is that of such a frame; see
        :func:`frames.begin_frame`."""
        return frames.begin_frame(data, start, (_COMPRESSED_TEXT, _COMPRESSED_BINARY))

    def add(self, piece: bytes) -> Iterator[bytes]:
        """Take a piece of the frame's payload. Return what it inflates to, in steps of at most 16
        KiB, which the caller appends to the message.

        :raises zlib.error: if it cannot be inflated.
        """
        self.left -= len(piece)
        unmasked = unmask(piece, self._key)
        rotation = len(piece) % 4
        self._key = self._key[rotation:] + self._key[:rotation]
        if self.left:
            return self._inflater.steps(unmasked)
        return self._inflater.last_steps(unmasked)
