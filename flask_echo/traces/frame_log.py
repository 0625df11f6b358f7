"""The frames of one direction of a connection, read from its bytes (RFC 6455, section 5.2).

This reads the bytes that the connection reads and writes, and knows nothing else of it. So it
cannot change the connection, and shows what was on the wire.
"""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from flask_echo.websocket.masking import unmask

MOST_FRAMES = 100
MOST_PAYLOAD_BYTES = 64

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

_FIN, _RSV1, _OPCODE = 0x80, 0x40, 0x0F
_MASK, _LENGTH = 0x80, 0x7F
_LENGTH_BYTES = {126: 2, 127: 8}
_KEY_BYTES = 4


class FrameLog:
    """Counts the frames of one direction, and keeps the first ones.

    :param direction: ``received`` or ``sent``, as the server sees it.
    :param clock: returns the time in seconds (Unix).
    :ivar wire_bytes: how many bytes there were, incomplete frames included.
    :ivar last_byte_at: the time of the last one; None before the first.
    :ivar frames: the times and descriptions (JSON) of the first complete frames.
    :ivar close: payload and time of the first Close frame; None without one.
    """

    def __init__(self, direction: str, clock: Callable[[], float]) -> None:
        self._direction = direction
        self._clock = clock
        self.wire_bytes = 0
        self.last_byte_at: float | None = None
        self.frames: list[tuple[float, str]] = []
        self._most_frames = MOST_FRAMES
        self.close: tuple[bytes, float] | None = None
        self._opcodes: Counter[int] = Counter()
        self._messages = 0
        self._skip = 0
        self._header = bytearray()
        self._begin()

    def skip(self, count: int) -> None:
        """Ignore the next ``count`` bytes: the head of the response."""
        self._skip = count

    @property
    def messages(self) -> int:
        """How many messages are complete."""
        return self._messages

    def count(self, opcode: int) -> int:
        """Return how many complete frames had this opcode."""
        return self._opcodes[opcode]

    def feed(self, data: bytes) -> None:
        """Read more bytes."""
        view = memoryview(data)
        if self._skip:
            skipped = min(self._skip, len(view))
            self._skip -= skipped
            view = view[skipped:]
        if not view:
            return
        self.wire_bytes += len(view)
        self.last_byte_at = self._clock()
        while view:
            view = self._take_payload(view) if self._left is not None else self._take_header(view)

    def keep_no_frames(self) -> None:
        """Forget the frames, and go on counting."""
        self._most_frames = 0
        self.frames = []

    def _begin(self) -> None:
        self._header.clear()
        self._payload = bytearray()
        self._left: int | None = None  # Bytes of payload to come; None while the header comes.

    def _take_header(self, view: memoryview) -> memoryview:
        size = _header_bytes(self._header)
        part = view[: size - len(self._header)]
        self._header += part
        if len(self._header) == _header_bytes(self._header):
            self._left = self._length = _payload_bytes(self._header)
            if not self._left:
                self._end()
        return view[len(part) :]

    def _take_payload(self, view: memoryview) -> memoryview:
        assert self._left is not None
        part = view[: self._left]
        self._payload += part[: MOST_PAYLOAD_BYTES * 2 - len(self._payload)]
        self._left -= len(part)
        if not self._left:
            self._end()
        return view[len(part) :]

    def _end(self) -> None:
        first = self._header[0]
        opcode = first & _OPCODE
        self._opcodes[opcode] += 1
        if opcode <= BINARY and first & _FIN:
            self._messages += 1
        key = _key(self._header)
        payload = bytes(self._payload)
        plain = unmask(payload, key) if key else payload
        if opcode == CLOSE and self.close is None:
            self.close = plain, self._clock()
        if len(self.frames) < self._most_frames:
            now = self._clock()
            self.frames.append((now, json.dumps(self._described(now, key, payload, plain))))
        self._begin()

    def _described(self, now: float, key: bytes, payload: bytes, plain: bytes) -> dict[str, Any]:
        first = self._header[0]
        return {
            "at": round(now, 6),
            "direction": self._direction,
            "opcode": first & _OPCODE,
            "fin": bool(first & _FIN),
            "rsv1": bool(first & _RSV1),
            "mask": key.hex() or None,
            "wire_length": len(self._header) + self._length,
            "payload": plain[:MOST_PAYLOAD_BYTES].hex(),
            "wire_payload": payload[:MOST_PAYLOAD_BYTES].hex() if key else None,
        }


def _header_bytes(header: bytearray) -> int:
    """Return how long a header is, as far as its beginning tells."""
    if len(header) < 2:
        return 2
    key = _KEY_BYTES if header[1] & _MASK else 0
    return 2 + _LENGTH_BYTES.get(header[1] & _LENGTH, 0) + key


def _payload_bytes(header: bytearray) -> int:
    short = header[1] & _LENGTH
    count = _LENGTH_BYTES.get(short, 0)
    return int.from_bytes(header[2 : 2 + count], "big") if count else short


def _key(header: bytearray) -> bytes:
    return bytes(header[-_KEY_BYTES:]) if header[1] & _MASK else b""
