"""Incoming bytes to messages. wsproto judges frames that are not common.

This module has no socket and sends nothing. The connection asks for the next item, and answers it.
"""

import zlib
from sys import getsizeof
from time import sleep

from wsproto.frame_protocol import CloseReason

from flask_echo.websocket import frames
from flask_echo.websocket.arriving import CompressedMessage, PlainMessage
from flask_echo.websocket.assembly import Assembly
from flask_echo.websocket.budget import FREE_BYTES, UNCOUNTED_LENGTH, Account
from flask_echo.websocket.control import Control, whole_control
from flask_echo.websocket.deflate import Deflate
from flask_echo.websocket.frames import Header, Message
from flask_echo.websocket.judged import (
    FIRST_FRAMES,
    FIRST_FRAMES_WITH_COMPRESSION,
    NEXT_FRAMES,
    check,
)
from flask_echo.websocket.verdicts import Unacceptable, not_utf8, too_big, unless_over_budget

# A compressed frame is inflated and charged in steps of 16 KiB, so a piece of it may inflate to any
# size. What a thread holds of it while it waits for memory is a few times as much.
_COMPRESSED_PIECE_BYTES = 4 * 1024
# A byte inflates to 1,032 at most: two bits repeat 258 bytes (RFC 1951, section 3.2.5). zlib may
# have kept 32 bits of the bytes before.
_MOST_OF_A_BYTE = 1032
_MOST_OF_KEPT_BITS = 4 * _MOST_OF_A_BYTE
# The fast path charges nothing: of this many bytes, four bytes for each character make 64 KiB.
_MOST_QUICK_BYTES = FREE_BYTES // 4
# More than a payload of 64 KiB takes whose characters take one byte each.
_WIDE_BYTES = FREE_BYTES + UNCOUNTED_LENGTH

# After this many fragments, control frames or steps of zlib, of 5 to 15 µs each, other threads run.
# The pause is twice the slack of Linux's timers, which comes on top.
_STEPS = 200
_PAUSE_SECONDS = 0.0001


def pause() -> None:
    """Let other threads run.

    A peer that sends tiny fragments would keep the GIL for a whole switch interval. To release it
    for a moment is not enough: another thread needs time to take it.
    """
    sleep(_PAUSE_SECONDS)


class Incoming:
    """The input of one connection.

    Each frame is taken by itself, so a message before a broken frame is still delivered.

    :param limit: the longest message that is accepted, in bytes after inflating.
    :param account: is charged for messages of more than 64 KiB.
    :param deflate: the negotiated extension, or None.
    :param early: bytes that have arrived already.
    :ivar limit: as above.
    :ivar pending: whether :meth:`next` may find something in the input so far.
    :ivar messages: how many messages were returned.
    :ivar bytes: how many bytes of payload have arrived, after inflating.
    :ivar arriving: the incomplete message, if there is one.
    :ivar holds_much: whether an incomplete message holds more than 64 KiB.
    :ivar compressed: whether the last returned message was compressed.
    """

    __slots__ = (
        "_account",
        "_at",
        "_data",
        "_deflate",
        "_firsts",
        "_quick_limit",
        "_steps",
        "arriving",
        "bytes",
        "compressed",
        "holds_much",
        "limit",
        "messages",
        "pending",
    )

    def __init__(
        self,
        limit: int,
        account: Account,
        deflate: Deflate | None = None,
        early: bytes = b"",
    ) -> None:
        self.messages = 0
        self.bytes = 0
        self.compressed = False
        self.arriving: PlainMessage | CompressedMessage | None = None
        self.holds_much = False
        self.limit = limit
        self._quick_limit = min(limit, _MOST_QUICK_BYTES)
        self._account = account
        self._deflate = deflate
        self._firsts: tuple[int, ...] = FIRST_FRAMES
        if deflate is not None:
            deflate.large_work = account.budget.large_work
            self._firsts = FIRST_FRAMES_WITH_COMPRESSION
        self._data = early
        self._at = 0
        self.pending = bool(early)
        self._steps = 0

    def add(self, data: bytes) -> None:
        """Append what was read."""
        self._data = self._data[self._at :] + data if self._at < len(self._data) else data
        self._at = 0
        self.pending = True

    def clear(self) -> None:
        """Drop all input, used or not."""
        self._data, self._at, self.pending = b"", 0, False
        self.arriving = None
        if self._deflate is not None:
            self._deflate.drop_inflater()
        self._account.clear()

    def drop_delivered(self) -> None:
        """Hold no memory for messages that nobody refers to any more."""
        if self._account.delivered:
            self._account.drop_delivered()

    @property
    def under_way(self) -> int:
        """How many bytes an incomplete message has."""
        return self.arriving.payload.size if self.arriving is not None else 0

    def next(self, stop_at: int | None = None) -> Message | Control | None:
        """Return the next message or control event, or None if there is no complete one.

        :param stop_at: return None when an incomplete message holds this many bytes, though
            there may be more input. Up to 52 KiB the message never holds more than is free: perhaps
            nobody ever reads the rest.
        :raises Unacceptable: if the input violates the protocol or the limit.
        """
        data = self._data
        if self.arriving is None:
            try:
                whole = frames.whole_message(data, self._at, self._quick_limit)
            except UnicodeDecodeError as error:
                raise not_utf8(error) from None
            if whole is not None:
                message, size, self._at = whole
                self.pending = self._at < len(data)
                self.messages += 1
                self.bytes += size
                self.compressed = False
                return message
        item, may_have_more = self._assemble(stop_at)
        self.pending = may_have_more and self._at < len(data)
        return item

    def _assemble(self, stop_at: int | None) -> tuple[Message | Control | None, bool]:
        """The slow path: go through frames until there is something to return.

        :return: that, and whether the rest of the input may have something, too.
        """
        while self._at < len(self._data):
            if stop_at is not None and self.under_way >= stop_at:
                return None, True
            if self.arriving is None or not self.arriving.left:  # A frame starts here.
                control = self._take_control()
                if control is not None:
                    return control, True
                if not self._begin_frame():
                    return None, False
            message = self._take_payload(stop_at)
            if message is not None:
                return message, True
        return None, False

    def _take_control(self) -> Control | None:
        """Take a whole control frame, which may come between the fragments of a message (section
        5.4)."""
        whole = whole_control(self._data, self._at)
        if whole is None:
            return None
        self._count_step()
        control, self._at = whole
        return control

    def _count_step(self) -> None:
        self._steps += 1
        if self._steps == _STEPS:
            self._steps = 0
            pause()

    # -- Data frames -----------------------------------------------------------------------------

    def _begin_frame(self) -> bool:
        """Begin the frame at this place. Return False if its header is incomplete."""
        firsts = self._firsts if self.arriving is None else NEXT_FRAMES
        begun = frames.begin_frame(self._data, self._at, firsts)
        if begun is None:
            check(self._data, self._at, firsts, self._deflate)
            return False
        header, key, self._at = begun
        if self.arriving is None:
            self.arriving = self._begin_message(header)
        else:
            self._count_step()
        self.arriving.begin_frame(header, key)
        self._check_length(self.arriving)
        return True

    def _begin_message(self, header: Header) -> PlainMessage | CompressedMessage:
        if not header.is_compressed:
            return PlainMessage(header)
        assert self._deflate is not None
        return CompressedMessage(header, self._deflate.inflater())

    def _check_length(self, message: PlainMessage | CompressedMessage) -> None:
        """Refuse a message that is too long by its headers, before its payload is read."""
        if message.declared > message.longest(self.limit):
            raise too_big(self.limit)
        if isinstance(message, PlainMessage):
            with unless_over_budget():
                self._account.expect(message.declared)

    def _take_payload(self, stop_at: int | None) -> Message | None:
        """Take as much of a frame's payload as there is, or a piece of it if it is compressed.

        :return: the message if this is its end.
        """
        message = self.arriving
        assert message is not None
        try:
            if isinstance(message, CompressedMessage):
                self._inflate(message, stop_at)
            else:
                self._add_plain(message, stop_at)
            if not message.is_whole:
                return None
            self.arriving = None
            return self._finish(message.payload, isinstance(message, CompressedMessage))
        except UnicodeDecodeError as error:
            raise not_utf8(error) from None

    def _add_plain(self, message: PlainMessage, stop_at: int | None) -> None:
        most = message.left if stop_at is None else stop_at - self.under_way
        piece = self._take(min(message.left, most))
        message.add(piece)
        self.bytes += len(piece)
        if not message.is_whole:
            self._hold(message.payload)

    def _inflate(self, message: CompressedMessage, stop_at: int | None) -> None:
        most = _COMPRESSED_PIECE_BYTES
        if stop_at is not None:
            free = FREE_BYTES - self.under_way - _MOST_OF_KEPT_BITS
            most = max(1, free // _MOST_OF_A_BYTE)
        try:
            for output in message.add(self._take(min(message.left, most))):
                self._add_inflated(message.payload, output)
        except zlib.error:
            # The words are wsproto's.
            raise Unacceptable(
                CloseReason.INVALID_FRAME_PAYLOAD_DATA, "error in extension"
            ) from None

    def _add_inflated(self, payload: Assembly, output: bytes) -> None:
        if payload.size + len(output) > self.limit:
            raise too_big(self.limit)
        if payload.size:  # So a client with small messages is not paused.
            self._count_step()
        payload.add(output)
        self.bytes += len(output)
        self._hold(payload)

    def _take(self, size: int) -> bytes:
        piece = self._data[self._at : self._at + size]
        self._at += len(piece)
        return piece

    # -- Memory ----------------------------------------------------------------------------------

    def _hold(self, payload: Assembly) -> None:
        """Charge the account for an incomplete message."""
        self.holds_much = payload.size > FREE_BYTES
        if self.holds_much:
            with unless_over_budget():
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
            with unless_over_budget():
                self._account.deliver(message)

    def _finish_large(self, payload: Assembly) -> Message:
        with unless_over_budget():
            self._account.hold_under_way(payload.cost_of_finishing)
            with self._account.budget.large_work():
                message = payload.finish()
            self._account.deliver(message)
        return message
