"""What the load generator and its servers exchange: frames, and the message with its echo."""

import struct
from dataclasses import dataclass, replace
from typing import Self

CONTINUATION = 0x0
TEXT = 0x1
BINARY = 0x2
CLOSE = 0x8
PING = 0x9
PONG = 0xA
# In the first byte of the last frame of a message (RFC 6455 section 5.2).
FIN = 0x80
# RFC 7692 section 6: set in the first byte of a compressed message.
RSV1 = 0x40

# The example key and its answer from RFC 6455 section 1.3. One key for all connections lets
# servers without any protocol (bench/servers/floor.py, ceiling.c) answer with a fixed string.
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
# The masking key of the examples in RFC 6455 section 5.7.
MASK = b"\x37\xfa\x21\x3d"
# 37 is prime: a payload that comes back shifted by any part of a mask or a buffer is not equal.
ALPHABET = b"0123456789abcdefghijklmnopqrstuvwxyz-"


class WrongAnswer(Exception):
    """The server sent something else than the protocol or the echo demands."""


def frame(opcode: int, payload: bytes, mask: bytes = b"", is_final: bool = True) -> bytes:
    """Return a whole frame (RFC 6455 section 5.2), masked if `mask` is given.

    `opcode` may include `RSV1`.
    """
    length = len(payload)
    mask_bit = 0x80 if mask else 0
    if length < 126:
        size = struct.pack("!B", mask_bit | length)
    elif length < 1 << 16:
        size = struct.pack("!BH", mask_bit | 126, length)
    else:
        size = struct.pack("!BQ", mask_bit | 127, length)
    first = (FIN if is_final else 0) | opcode
    return bytes([first]) + size + mask + (_masked(payload, mask) if mask else payload)


def _fragments(opcode: int, payload: bytes, part: int) -> bytes:
    """Return the masked frames of a message in fragments of `part` bytes (section 5.4)."""
    frames = bytearray()
    for start in range(0, len(payload), part):
        is_last = start + part >= len(payload)
        fragment = payload[start : start + part]
        frames += frame(CONTINUATION if start else opcode, fragment, MASK, is_last)
    return bytes(frames)


def _masked(payload: bytes, mask: bytes) -> bytes:
    stretched = (mask * (len(payload) // 4 + 1))[: len(payload)]
    product = int.from_bytes(payload, "big") ^ int.from_bytes(stretched, "big")
    return product.to_bytes(len(payload), "big")


_NORMAL_CLOSURE = struct.pack("!H", 1000)
CLOSE_FRAME = frame(CLOSE, _NORMAL_CLOSURE, MASK)
CLOSE_REPLY = frame(CLOSE, _NORMAL_CLOSURE)
PING_BEGINS = bytes([FIN | PING])


@dataclass(frozen=True)
class Message:
    """A message as the wire sees it: the client's frame and the echo of it."""

    payload: bytes
    opcode: int
    frame: bytes
    reply: bytes

    @classmethod
    def of(cls, size: int, opcode: int = TEXT) -> Self:
        """Make a message of `size` bytes of payload."""
        return cls.containing((ALPHABET * (size // len(ALPHABET) + 1))[:size], opcode)

    @classmethod
    def containing(cls, payload: bytes, opcode: int = TEXT) -> Self:
        """Make a message of `payload`."""
        return cls(payload, opcode, frame(opcode, payload, MASK), frame(opcode, payload))

    def in_fragments(self, part: int) -> Self:
        """Return the same message, which the client sends in fragments of `part` bytes."""
        return replace(self, frame=_fragments(self.opcode, self.payload, part))

    def is_echo(self, received: bytes) -> bool:
        """Return whether `received` is the whole echo, and not only its beginning.

        Raises `WrongAnswer` if it is neither.
        """
        if self.reply.startswith(received):
            return len(received) == len(self.reply)
        raise WrongAnswer(f"not the echo: {received[:16]!r}...")
