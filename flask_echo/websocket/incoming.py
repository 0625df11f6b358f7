"""Incoming bytes to messages: a fast path for the common frame, wsproto for the others.

This module has no socket and sends nothing. The connection asks for the next item, and answers it.
"""

import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from sys import getsizeof
from time import sleep

from wsproto.connection import Connection as Protocol
from wsproto.connection import ConnectionState
from wsproto.events import BytesMessage, CloseConnection, Event, TextMessage
from wsproto.frame_protocol import CloseReason

from flask_echo.websocket import frames
from flask_echo.websocket.assembly import Assembly
from flask_echo.websocket.budget import FREE_BYTES, UNCOUNTED_BYTES, Account, OverBudget
from flask_echo.websocket.compressed import CompressedFrame
from flask_echo.websocket.deflate import Deflate
from flask_echo.websocket.frames import Header, LargeFrame, Message
from flask_echo.websocket.masking import unmask

# Deflate reaches 1,030 to 1, so 64 bytes become at most 64 KiB, and 1 KiB becomes 1 MiB. The piece
# of input grows while it inflates to little, because each one takes about 15 µs.
_LEAST_INFLATE_BYTES = 64
_MOST_INFLATE_BYTES = 1024
_LITTLE_OUTPUT_BYTES = 8 * 1024
_MUCH_OUTPUT_BYTES = 32 * 1024
# A compressed frame is inflated and charged in steps of 16 KiB, so a piece of it may inflate to any
# size. What a thread holds of it while it waits for memory is a few times as much.
_COMPRESSED_PIECE_BYTES = 4 * 1024
# The fast path charges nothing: of this many bytes, four bytes for each character make 64 KiB.
_MOST_QUICK_BYTES = FREE_BYTES // 4
# More than a payload of 64 KiB takes whose characters take one byte each.
_WIDE_BYTES = FREE_BYTES + UNCOUNTED_BYTES

# wsproto 1.3.2 copies what a piece inflates to so many times.
_COPIES = 5

_BAD_GATEWAY = frames.BAD_GATEWAY.to_bytes(2)
_TRY_AGAIN_LATER = CloseReason.TRY_AGAIN_LATER.to_bytes(2)

# After this many steps of wsproto or zlib, of about 15 µs each, other threads run. The pause is
# twice the slack of Linux's timers, which comes on top.
_STEPS = 100
_PAUSE_SECONDS = 0.0001


def pause() -> None:
    """Let other threads run.

    wsproto makes no system call, so a peer that sends tiny fragments would keep the GIL for a whole
    switch interval. To release it for a moment is not enough: another thread needs time to take it.
    """
    sleep(_PAUSE_SECONDS)


class Unacceptable(Exception):
    """The input fails the connection (RFC 6455, section 7.1.7).

    :ivar code: the status code to close with.
    :ivar reason: the reason for the Close frame.
    """

    def __init__(self, code: int, reason: str | None) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class Incoming:
    """The input of one connection.

    wsproto never gets bytes beyond the current frame. So the fast path can take over at any frame
    boundary, and a message before a broken frame is still delivered.

    :param protocol: wsproto's connection, which judges all but the common frame.
    :param limit: the longest message that is accepted, in bytes after inflating.
    :param account: is charged for messages of more than 64 KiB.
    :param deflate: the extension of ``protocol``, if there is one.
    :param early: bytes that have arrived already.
    :ivar limit: as above.
    :ivar pending: whether there is input that :meth:`next` has not used.
    :ivar messages: how many messages were returned.
    :ivar bytes: how many bytes of payload have arrived, after inflating.
    :ivar large: the incomplete frame that needs no wsproto, if there is one; it is read in large
        pieces.
    :ivar holds_much: whether an incomplete message holds more than 64 KiB.
    :ivar compressed: whether the last returned message was compressed.
    """

    def __init__(
        self,
        protocol: Protocol,
        limit: int,
        account: Account,
        deflate: Deflate | None = None,
        early: bytes = b"",
    ) -> None:
        self.messages = 0
        self.bytes = 0
        self.compressed = False
        self.large: LargeFrame | CompressedFrame | None = None
        self.holds_much = False
        self._protocol = protocol
        self.limit = limit
        # The size of a compressed message is counted while it is inflated. Fixed Huffman codes
        # make 8 bits into 9 (RFC 1951, section 3.2.6); no sane encoder does worse.
        self._longest_deflated = limit + limit // 8 + 1024
        self._quick_limit = min(limit, _MOST_QUICK_BYTES)
        self._account = account
        self._deflate = deflate
        if deflate is not None:
            deflate.meter = self
        self._data = early
        self._at = 0
        self.pending = bool(early)
        # Whether the next byte starts a message. The fast path needs that.
        self._fresh = True
        # The frame that wsproto has begun: its header so far, and the missing payload.
        self._head = bytearray()
        self._frame = Header(0, False, 0)
        self._frame_left = 0
        # The message that wsproto has begun. It is open until its final frame begins.
        self._open = False
        self._deflated = False
        self._size = 0
        self._deflated_size = 0
        self._inflate_bytes = _LEAST_INFLATE_BYTES
        self._parts: Assembly | None = None
        self._is_whole = False
        # The control frame that has begun: its payload so far, and its masking key.
        self._control = bytearray()
        self._key = b""
        self._steps = 0

    def add(self, data: bytes) -> None:
        """Append what was read."""
        self._data = self._data[self._at :] + data if self.pending else data
        self._at = 0
        self.pending = True

    def clear(self) -> None:
        """Drop all input, used or not."""
        self._data, self._at, self.pending = b"", 0, False
        self.large = self._parts = None
        if self._deflate is not None:
            self._deflate.drop_inflater()
        self._account.clear()

    @property
    def under_way(self) -> int:
        """How many bytes an incomplete message has."""
        return (self._parts.size if self._parts is not None else 0) + (
            self.large.payload.size if self.large is not None else 0
        )

    def next(self, stop_at: int | None = None) -> Message | Event | None:
        """Return the next message or control event, or None if there is no complete one.

        :param stop_at: return None when an incomplete message holds this many bytes, though
            there may be more input.
        :raises Unacceptable: if the input violates the protocol or the limit.
        """
        data = self._data
        if self._fresh:
            try:
                whole = frames.whole_message(data, self._at, self._quick_limit)
            except UnicodeDecodeError as error:
                raise _not_utf8(error) from None
            if whole is not None:
                message, size, self._at = whole
                self.pending = self._at < len(data)
                self.messages += 1
                self.bytes += size
                self.compressed = False
                return message
        item = self._assemble(stop_at)
        self.pending = self._at < len(data)
        return item

    def _assemble(self, stop_at: int | None) -> Message | Event | None:
        """The slow path: read frame by frame until there is something to return."""
        while self._at < len(self._data):
            if stop_at is not None and self.under_way >= stop_at:
                return None
            if self._fresh:
                self._begin_large()
            if isinstance(self.large, CompressedFrame):
                item: Message | Event | None = self._take_compressed(self.large, stop_at)
            elif self.large is not None:
                item = self._take_large(self.large)
            else:
                item = self._take_of_other(stop_at is not None)
            if item is not None:
                return item
        return None

    def _count_step(self) -> None:
        self._steps += 1
        if self._steps == _STEPS:
            self._steps = 0
            pause()

    # -- A common frame that is incomplete ---------------------------------------------------

    def _begin_large(self) -> None:
        begun = LargeFrame.begin(self._data, self._at, self.limit)
        if begun is not None:
            self.large, self._at = begun
            self._fresh = False
            with _unless_over_budget():
                self._account.expect(begun[0].left)
        elif self._deflate is not None:
            self._begin_compressed(self._deflate)

    def _take_large(self, large: LargeFrame) -> Message | None:
        start = self._at
        try:
            self._at = large.add(self._data, start)
        except UnicodeDecodeError as error:
            raise _not_utf8(error) from None
        self.bytes += self._at - start
        if large.left:
            self._hold(large.payload)
            return None
        self.large, self._fresh = None, True
        return self._finish(large.payload, compressed=False)

    # -- A compressed message in one frame -------------------------------------------------------

    def _begin_compressed(self, deflate: Deflate) -> None:
        begun = CompressedFrame.header(self._data, self._at)
        if begun is None:
            return
        header, key, self._at = begun
        self._fresh = False
        if header.length > self._longest_deflated:
            raise self._too_big()
        self.large = CompressedFrame(header, key, deflate.inflater())

    def _take_compressed(self, frame: CompressedFrame, stop_at: int | None) -> Message | None:
        most = _COMPRESSED_PIECE_BYTES if stop_at is None else _LEAST_INFLATE_BYTES
        try:
            for output in frame.add(self._take(min(frame.left, most))):
                self._add_inflated(frame, output)
            if frame.left:
                return None
            self.large, self._fresh = None, True
            return self._finish(frame.payload, compressed=True)
        except zlib.error:
            # The reason is wsproto's, which judges compressed messages in fragments.
            raise Unacceptable(
                CloseReason.INVALID_FRAME_PAYLOAD_DATA, "error in extension"
            ) from None
        except UnicodeDecodeError as error:
            raise _not_utf8(error) from None

    def _add_inflated(self, frame: CompressedFrame, output: bytes) -> None:
        if frame.payload.size + len(output) > self.limit:
            raise self._too_big()
        if frame.payload.size:  # So a client with small messages is not paused.
            self._count_step()
        frame.payload.add(output, is_last=False)
        self.bytes += len(output)
        self._hold(frame.payload)

    # -- Memory ----------------------------------------------------------------------------------

    def _hold(self, payload: Assembly) -> None:
        """Charge the account for an incomplete message."""
        self.holds_much = payload.size > FREE_BYTES
        if self.holds_much:
            with _unless_over_budget():
                self._account.hold_under_way(payload.cost)
        else:
            self._release()

    def _release(self) -> None:
        """Release what a piece of a small message took while it was inflated."""
        if self._account.under_way:
            self._account.drop_under_way()

    def _finish(self, payload: Assembly, compressed: bool) -> Message:
        self.holds_much = False
        if payload.size > FREE_BYTES:
            message = self._finish_large(payload)
        else:
            message = payload.finish()
            self._release()
            self._charge_wide(message)
        self.messages += 1
        self.compressed = compressed
        return message

    def _charge_wide(self, message: Message) -> None:
        """Charge the account for a small text that takes up to four bytes for each character."""
        if getsizeof(message) > _WIDE_BYTES:
            with _unless_over_budget():
                self._account.deliver(message)

    def _finish_large(self, payload: Assembly) -> Message:
        with _unless_over_budget():
            self._account.hold_under_way(payload.cost_of_finishing)
            with self.large_work():
                message = payload.finish()
            self._account.deliver(message)
        return message

    def large_work(self) -> AbstractContextManager[None]:
        """Wait for the turn to work on something large; see :class:`Meter`."""
        return self._account.budget.large_work()

    def inflated(self, count: int) -> None:
        """Charge the account for what a piece has inflated to; see :class:`Meter`."""
        before = self._parts
        if (before.size if before is not None else 0) + count > self.limit:
            raise self._too_big()
        held = before.held if before is not None else 0
        with _unless_over_budget():
            self._account.hold_under_way(held + _COPIES * count)

    # -- All other frames ----------------------------------------------------------------------

    def _take_of_other(self, little: bool) -> Message | Event | None:
        """Pass a part of a frame to wsproto; see :meth:`_take_payload`."""
        self._count_step()
        return self._take_payload(little) if self._frame_left else self._take_header()

    def _take_header(self) -> Message | Event | None:
        """Pass the bytes of a header to wsproto. Its verdict comes before that on the length."""
        piece = self._take(frames.header_size(self._head) - len(self._head))
        self._head += piece
        self._fresh = False
        complete = len(self._head) == frames.header_size(self._head)
        if complete:
            self._begin_frame(frames.parse_header(self._head))
        item = self._feed(piece)
        if complete:
            self._check_length()
        return item

    def _begin_frame(self, header: Header) -> None:
        self._key = bytes(self._head[-4:])
        self._head.clear()
        self._frame = header
        self._frame_left = header.length
        if header.is_control:
            return
        if header.first & frames.OPCODE != frames.CONTINUATION:
            self._deflated = header.is_compressed
            self._size = self._deflated_size = 0
        self._open = not header.is_final
        if self._deflated:
            self._deflated_size += header.length
        else:
            self._size += header.length

    def _check_length(self) -> None:
        """Refuse a message that is too long by its header, before its payload is read."""
        if self._frame.is_control:  # wsproto limits these to 125 bytes (section 5.5).
            return
        if self._size > self.limit or self._deflated_size > self._longest_deflated:
            raise self._too_big()
        if self._size > FREE_BYTES:
            with _unless_over_budget():
                self._account.expect(self._size)

    def _take_payload(self, little: bool) -> Message | Event | None:
        """Pass a part of a payload to wsproto.

        :param little: whether it should inflate to 64 KiB at most.
        """
        if self._frame.is_control:
            return self._take_control_payload()
        if not self._deflated:
            return self._feed(self._take_of_frame(self._frame_left))
        size = _LEAST_INFLATE_BYTES if little else self._inflate_bytes
        before = self.bytes
        item = self._feed(self._take_of_frame(size))
        if self.bytes - before > _MUCH_OUTPUT_BYTES:
            self._inflate_bytes = _LEAST_INFLATE_BYTES
        elif self.bytes - before < _LITTLE_OUTPUT_BYTES:
            self._inflate_bytes = min(2 * size, _MOST_INFLATE_BYTES)
        return item

    def _take_of_frame(self, most: int) -> bytes:
        piece = self._take(min(self._frame_left, most))
        self._frame_left -= len(piece)
        return piece

    def _take_control_payload(self) -> Message | Event | None:
        """Pass the payload of a control frame to wsproto as a whole."""
        self._control += self._take_of_frame(self._frame_left)
        if self._frame_left:
            return None
        payload, self._control = bytes(self._control), bytearray()
        is_close = self._frame.first & frames.OPCODE == frames.CLOSE
        if not is_close or unmask(payload[:2], self._key) != _BAD_GATEWAY:
            return self._feed(payload)
        # wsproto 1.3.2 does not know this code. It judges the rest of the frame.
        item = self._feed(unmask(_TRY_AGAIN_LATER, self._key) + payload[2:])
        assert isinstance(item, CloseConnection)
        return replace(item, code=frames.BAD_GATEWAY)

    def _take(self, size: int) -> bytes:
        piece = self._data[self._at : self._at + size]
        self._at += len(piece)
        return piece

    def _feed(self, piece: bytes) -> Message | Event | None:
        """Pass a part of one frame to wsproto, and return what is complete."""
        event = self._parse(piece)
        if self._parts is None:
            return event
        if not self._is_whole:
            self._hold(self._parts)
            return event
        whole, self._parts, self._is_whole = self._parts, None, False
        return self._finish(whole, self._deflated)

    def _parse(self, piece: bytes) -> Event | None:
        """Let wsproto make an event of a part of a frame; there is at most one. Return it, unless
        it is a part of a message, which is added to the others."""
        self._protocol.receive_data(piece)
        # Exhaust the generator before raising: it is part of a reference cycle, and would keep
        # its last payload until the next garbage collection.
        events = list(self._protocol.events())
        assert len(events) <= 1, events
        if not self._frame_left and not self._head:
            self._fresh = not self._open
        for event in events:
            if isinstance(event, TextMessage | BytesMessage):
                self._add_part(event)
                return None
            if isinstance(event, CloseConnection) and self._protocol.state is ConnectionState.OPEN:
                raise Unacceptable(event.code, event.reason)  # No Close frame: its verdict.
            return event
        return None

    def _add_part(self, event: TextMessage | BytesMessage) -> None:
        is_text = isinstance(event, TextMessage)
        if self._parts is None:
            self._parts = Assembly(is_text)
        before = self._parts.size
        if isinstance(event, TextMessage):
            self._parts.add_text(event.data)
        else:
            self._parts.add(event.data, event.message_finished)
        self.bytes += self._parts.size - before
        if self._deflated and self._parts.size > self.limit:
            raise self._too_big()
        self._is_whole = event.message_finished

    def _too_big(self) -> Unacceptable:
        reason = f"message longer than {self.limit} bytes"
        return Unacceptable(CloseReason.MESSAGE_TOO_BIG, reason)


@contextmanager
def _unless_over_budget() -> Iterator[None]:
    """Fail the connection if there is no memory for its message."""
    try:
        yield
    except OverBudget as error:
        raise Unacceptable(CloseReason.TRY_AGAIN_LATER, str(error)) from None


def _not_utf8(error: UnicodeDecodeError) -> Unacceptable:
    """Section 8.1."""
    return Unacceptable(CloseReason.INVALID_FRAME_PAYLOAD_DATA, str(error))
