"""Frames: parsing and writing the common ones (RFC 6455, section 5.2).

A common frame is masked, and has its length in the shortest form. If it is also a data frame that
is final and uncompressed, and all of it is there, :func:`whole_message` makes a message of it.
:mod:`~flask_echo.websocket.arriving` collects the other messages, and
:mod:`~flask_echo.websocket.control` has the control frames.
"""

from typing import NamedTuple

from flask_echo.websocket.masking import unmask
from flask_echo.websocket.text_memory import most_encoded_bytes

Message = str | bytes

FIN = 0x80
RSV1 = 0x40
MASK = 0x80
OPCODE = 0x0F
IS_CONTROL = 0x08  # The highest bit of the opcode (section 5.5).
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

# Status codes that a Close frame may carry (RFC 6455, section 7.4). IANA registered 1012 to 1014
# later: https://www.iana.org/assignments/websocket/websocket.xhtml
CLOSE_CODES = (range(1000, 1004), range(1007, 1015), range(3000, 5000))
# Two bytes, the length, and the masking key.
MOST_HEADER_BYTES = 14
# A control frame has 125 bytes of payload, and the code takes two (sections 5.5 and 5.5.1).
MAX_REASON_BYTES = 123

# First bytes of a frame that the fast path takes: final, no reserved bit.
_FINAL_TEXT = FIN | TEXT
_FINAL_BINARY = FIN | BINARY
# Headers of frames up to 125 bytes, made once.
_SHORT_HEADERS = {
    first: [bytes((first, size)) for size in range(126)] for first in (_FINAL_TEXT, _FINAL_BINARY)
}


def may_be_sent(code: int) -> bool:
    """Return whether a Close frame may carry ``code``."""
    return any(code in codes for codes in CLOSE_CODES)


class Header(NamedTuple):
    """The header of one frame; ``length`` is that of the payload, in bytes."""

    first: int
    masked: bool
    length: int

    @property
    def is_control(self) -> bool:
        """Close, ping, pong and the reserved control opcodes (section 5.5)."""
        return bool(self.first & IS_CONTROL)

    @property
    def is_final(self) -> bool:
        return bool(self.first & FIN)

    @property
    def is_compressed(self) -> bool:
        """The message that starts here is compressed (RFC 7692, section 6)."""
        return bool(self.first & RSV1)


def header_size(head: bytes | bytearray) -> int:
    """Return the size in bytes of the frame header that begins with ``head``.

    It is 2 as long as ``head`` has fewer than two bytes.
    """
    if len(head) < 2:
        return 2
    extended = {126: 2, 127: 8}.get(head[1] & 0x7F, 0)
    return 2 + extended + (4 if head[1] & MASK else 0)


def parse_header(head: bytes | bytearray) -> Header:
    """Parse a complete frame header; see :func:`header_size`."""
    length = head[1] & 0x7F
    if length == 126:
        length = int.from_bytes(head[2:4], "big")
    elif length == 127:
        length = int.from_bytes(head[2:10], "big")
    return Header(head[0], bool(head[1] & MASK), length)


def whole_message(data: bytes, start: int, limit: int) -> tuple[Message, int, int] | None:
    """Parse the message of one common frame.

    :param start: the index in ``data`` where the frame starts; at least one byte is there.
    :param limit: the longest payload that is accepted, in bytes.
    :return: the message, its size in bytes, and the index of the next frame; None if this is not
        a common frame, or is incomplete.
    :raises UnicodeDecodeError: if a text is not UTF-8 (section 8.1).
    """
    first = data[start]
    if (first != _FINAL_TEXT and first != _FINAL_BINARY) or len(data) - start < 6:
        return None
    size = data[start + 1] - MASK
    body = start + 6
    if size > 125:
        extended = 2 if size == 126 else 8
        body += extended
        size = int.from_bytes(data[start + 2 : start + 2 + extended], "big")
        if size < (126 if extended == 2 else 65536):
            return None  # Not the shortest form of this length, or an incomplete header.
    end = body + size
    if end > len(data) or not 0 <= size <= limit:
        return None
    payload = unmask(data[body:end], data[body - 4 : body])
    return (payload.decode() if first == _FINAL_TEXT else payload), size, end


def begin_frame(
    data: bytes, start: int, firsts: tuple[int, ...]
) -> tuple[Header, bytes, int] | None:
    """Parse the header of a common frame that begins with one of ``firsts``.

    :param start: the index in ``data`` where the frame starts; at least one byte is there.
    :return: the header, the masking key, and the index of the payload; None if this is another
        frame, or if its header is incomplete.
    """
    if data[start] not in firsts:
        return None
    head = data[start : start + MOST_HEADER_BYTES]
    size = header_size(head)
    if len(head) < size:
        return None
    header = parse_header(head)
    if not header.masked or not _is_shortest(header.length, size - 4):
        return None
    return header, head[size - 4 : size], start + size


def may_become_common(head: bytes) -> bool:
    """Return whether this may be a part of a common frame's header, from its start on, by its mask
    and its length."""
    if len(head) < 2:
        return True
    size = header_size(head)
    without_key = size - 4
    if not head[1] & MASK or len(head) >= size:
        return False
    return len(head) < without_key or _is_shortest(parse_header(head).length, without_key)


def _is_shortest(length: int, size: int) -> bool:
    """Return whether an unmasked header of ``size`` bytes has the shortest form for this length."""
    if length < 126:
        return size == 2
    if length < 65536:
        return size == 4
    return size == 10 and length < 2**63  # The highest bit must be 0.


def encode(data: Message) -> tuple[bytes, bytes]:
    """Return the header and the payload of ``data`` as one unmasked common frame."""
    if isinstance(data, str):
        payload, first = data.encode(), _FINAL_TEXT
    else:
        payload, first = data, _FINAL_BINARY
    size = len(payload)
    if size < 126:
        return _SHORT_HEADERS[first][size], payload
    return header(first, size), payload


def most_payload_bytes(data: Message) -> int:
    """Return how long the payload of ``data`` can be, without encoding it."""
    return most_encoded_bytes(data) if isinstance(data, str) else len(data)


def first_byte(data: Message, is_compressed: bool) -> int:
    """Return the first byte of the first fragment of a message."""
    opcode = TEXT if isinstance(data, str) else BINARY
    return opcode | (RSV1 if is_compressed else 0)


def header(first: int, size: int) -> bytes:
    """Return the header of an unmasked frame with ``size`` bytes of payload."""
    if size < 126:
        return bytes((first, size))
    if size < 65536:
        return bytes((first, 126)) + size.to_bytes(2, "big")
    return bytes((first, 127)) + size.to_bytes(8, "big")
