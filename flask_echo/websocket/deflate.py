"""permessage-deflate (RFC 7692): inflate what arrives, deflate what is sent."""

import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from io import BytesIO
from typing import Any

from wsproto.extensions import PerMessageDeflate
from wsproto.frame_protocol import CloseReason, FrameDecoder, FrameProtocol, Opcode, RsvBits

try:
    from isal import isal_zlib
except ImportError:  # The package comes with the extra "fast" only.
    isal_zlib = None  # type: ignore[assignment]

# The longest distance that a deflated stream looks back, in bytes (RFC 1951, section 2).
_WINDOW_BYTES = 32 * 1024
# So much more is kept, so that not every message moves the history.
_RESERVE_BYTES = 4 * 1024
# The sender has removed these bytes from the end of each message (RFC 7692, section 7.2.1).
_TAIL = b"\x00\x00\xff\xff"

# A message may have this many blocks that are marked as the last one. A new inflater for each of
# them takes about 10 µs, and such a block may have two bytes.
_MOST_ENDS = 16

# A deflater takes 2**(window bits + 2) + 2**(memory level + 9) bytes: 32 KiB with these, and 256
# KiB with zlib's defaults, for each connection that compresses. For comparison: the library
# websockets has the same values.
_WINDOW_BITS = 12
_MEMORY_LEVEL = 5

# A message of this size is deflated by itself. A deflater of its own may have the largest window,
# because it lives for one message, and finds with little effort what one with a small window
# searches for long: half the CPU time (330 µs instead of 680 for 64 KiB of JSON, 290 instead of 820
# for prose), for replies of about the same length (8 % longer and as long). Shorter messages gain
# more from those before them. It takes 256 KiB, so few may work at once. With the package isal it
# takes 77 µs for that JSON, and the reply is 3 % shorter than zlib's.
ALONE_BYTES = 16 * 1024
_ALONE_LEVEL = 2
_ALONE_MEMORY_LEVEL = 8

# A message is deflated in pieces of this size,
_PIECE_BYTES = 64 * 1024
# and inflated in steps with this much output.
_STEP_BYTES = 16 * 1024


class Inflater:
    """Inflates the messages of a client (RFC 7692, section 7.2.2).

    :param window_bits: the negotiated size of the client's window.
    :param keeps_context: whether a message may refer to earlier ones.
    :param large_work: makes what waits for the turn to work on something large.
    """

    def __init__(
        self,
        window_bits: int,
        keeps_context: bool,
        large_work: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._large_work = large_work
        self._window_bits = window_bits
        self._keeps_context = keeps_context
        # The end of the output. zlib has it too, but does not give it away.
        self._history = bytearray()
        self._begin_message()

    def _begin_message(self) -> None:
        self._ends = 0
        # Whether a block was marked as the last one, and nothing came after it.
        self._ended = False
        if not self._keeps_context:
            self._history.clear()
        self._stream = zlib.decompressobj(-self._window_bits)

    def steps(self, data: bytes) -> Iterator[bytes]:
        """Yield what a part of a message inflates to, 16 KiB at most at a time.

        :raises zlib.error: if it cannot be inflated.
        """
        while data:
            yield from self._inflate(data)
            if not self._stream.eof:
                return
            data = self._stream.unused_data
            self._restart()

    def last_steps(self, data: bytes) -> Iterator[bytes]:
        """Yield what the last part of a message inflates to, as :meth:`steps` does."""
        # A sender that marks a block as the last one should send an empty block after it. To one
        # that does not, the tail means nothing.
        if data or not self._ended:
            yield from self._inflate(data + _TAIL)
        while self._stream.eof:
            rest = self._stream.unused_data
            self._restart()
            if rest and rest != _TAIL:
                yield from self._inflate(rest)
        self._end_message()

    def _inflate(self, data: bytes) -> Iterator[bytes]:
        self._ended = False
        output = self._stream.decompress(data, _STEP_BYTES)
        self._remember(output)
        yield output
        while len(output) == _STEP_BYTES and not self._stream.eof:
            with self._large_work():
                output = self._stream.decompress(self._stream.unconsumed_tail, _STEP_BYTES)
            self._remember(output)
            yield output

    def _remember(self, output: bytes) -> None:
        self._history += output
        if len(self._history) > _WINDOW_BYTES + _RESERVE_BYTES:
            del self._history[:-_WINDOW_BYTES]

    def _restart(self) -> None:
        """Go on after a block that was marked as the last one (section 7.2.3.4)."""
        self._ends += 1
        if self._ends > _MOST_ENDS:
            raise zlib.error("too many last blocks")
        window = bytes(self._history[-_WINDOW_BYTES:])
        self._stream = zlib.decompressobj(-self._window_bits, zdict=window)
        self._ended = True

    def _end_message(self) -> None:
        self._ends = 0
        if not self._keeps_context:
            self._begin_message()


class Deflate(PerMessageDeflate):
    """The extension. wsproto negotiates it, and asks about reserved bits.

    wsproto 1.3.2 does not inflate here, because it has two faults. It takes every final frame for
    the end of the message, so after a ping in the middle (RFC 6455, section 5.4) the rest is not
    inflated. And it does not start again after a block that is marked as the last one.

    :ivar large_work: see :class:`Inflater`; it may be changed before anything is inflated.
    """

    def __init__(self) -> None:
        super().__init__()
        self.large_work: Callable[[], AbstractContextManager[None]] = nullcontext
        self._inflater: Inflater | None = None
        self._deflater: Any = None  # zlib gives the type no public name.

    def frame_inbound_header(
        self,
        proto: FrameDecoder | FrameProtocol,
        opcode: Opcode,
        rsv: RsvBits,
        payload_length: int,
    ) -> RsvBits:
        """Say which reserved bits are good: the first frame of a message may be compressed (section
        6)."""
        may_be_compressed = opcode in (Opcode.TEXT, Opcode.BINARY)
        return RsvBits(may_be_compressed, False, False)

    def frame_inbound_payload_data(
        self, proto: FrameDecoder | FrameProtocol, data: bytes
    ) -> bytes | CloseReason:
        """Leave a part of a payload as it is."""
        return data

    def frame_inbound_complete(
        self, proto: FrameDecoder | FrameProtocol, fin: bool
    ) -> bytes | CloseReason | None:
        """Add nothing to a payload."""
        return None

    def inflater(self) -> Inflater:
        """Return what inflates the messages of this connection. It is made for the first one."""
        if self._inflater is None:
            self._inflater = Inflater(
                self.client_max_window_bits, not self.client_no_context_takeover, self.large_work
            )
        return self._inflater

    def drop_inflater(self) -> None:
        """Free what is needed to inflate."""
        self._inflater, self.large_work = None, nullcontext

    def drop_deflater(self) -> None:
        """Free what is needed to deflate."""
        self._deflater = None

    def compress(self, payload: bytes, is_final: bool = True) -> bytes:
        """Deflate a part of a message (section 7.2.1)."""
        if self._deflater is None:
            bits = min(self.server_max_window_bits, _WINDOW_BITS)
            self._deflater = zlib.compressobj(wbits=-bits, memLevel=_MEMORY_LEVEL)
        return self._deflate(payload, is_final)

    def compress_whole(self, payload: bytes) -> bytes:
        """Deflate a message. From :data:`ALONE_BYTES` on, have the turn for large work."""
        if len(payload) < ALONE_BYTES:
            return self.compress(payload)
        # The next message cannot refer to those before this one: their distance has changed.
        self._deflater = _deflater_for_one(self.server_max_window_bits)
        try:
            return self._deflate(payload, is_final=True)
        finally:
            self._deflater = None

    def _deflate(self, payload: bytes, is_final: bool) -> bytes:
        output = BytesIO()
        view = memoryview(payload)
        # Also without a payload: zlib writes nothing for a second flush in a row.
        for start in range(0, max(1, len(payload)), _PIECE_BYTES):
            output.write(self._deflater.compress(view[start : start + _PIECE_BYTES]))
        if is_final:
            output.write(self._deflater.flush(zlib.Z_SYNC_FLUSH))
            output.truncate(output.tell() - len(_TAIL))
            if self.server_no_context_takeover:
                self._deflater = None
        return output.getvalue()


def _deflater_for_one(window_bits: int) -> Any:
    """Return what deflates one large message."""
    if isal_zlib is not None:
        return isal_zlib.compressobj(_ALONE_LEVEL, wbits=-window_bits)
    return zlib.compressobj(_ALONE_LEVEL, wbits=-window_bits, memLevel=_ALONE_MEMORY_LEVEL)
