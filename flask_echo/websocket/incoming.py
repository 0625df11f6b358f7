"""Incoming bytes to messages: fast paths for the usual frames, wsproto for the others.

This module has no socket and sends nothing. The connection asks for the next item, and answers it.
"""

import zlib
from contextlib import AbstractContextManager
from sys import getsizeof
from time import sleep

from wsproto.frame_protocol import CloseReason

from flask_echo.websocket import frames
from flask_echo.websocket.assembly import Assembly
from flask_echo.websocket.budget import FREE_BYTES, UNCOUNTED_BYTES, Account
from flask_echo.websocket.compressed import CompressedFrame
from flask_echo.websocket.control import Control, whole_control
from flask_echo.websocket.deflate import Deflate
from flask_echo.websocket.frames import LargeFrame, Message
from flask_echo.websocket.judged import LEAST_INFLATE_BYTES, Judged, longest_deflated
from flask_echo.websocket.verdicts import Unacceptable, not_utf8, too_big, unless_over_budget

# A compressed frame is inflated and charged in steps of 16 KiB, so a piece of it may inflate to any
# size. What a thread holds of it while it waits for memory is a few times as much.
_COMPRESSED_PIECE_BYTES = 4 * 1024
# The fast path charges nothing: of this many bytes, four bytes for each character make 64 KiB.
_MOST_QUICK_BYTES = FREE_BYTES // 4
# More than a payload of 64 KiB takes whose characters take one byte each.
_WIDE_BYTES = FREE_BYTES + UNCOUNTED_BYTES

# wsproto 1.3.2 copies what a piece inflates to so many times.
_COPIES = 5

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


class Incoming:
    """The input of one connection.

    wsproto never gets bytes beyond the current frame. So a fast path can take over at any frame
    boundary, and a message before a broken frame is still delivered.

    :param limit: the longest message that is accepted, in bytes after inflating.
    :param account: is charged for messages of more than 64 KiB.
    :param deflate: the negotiated extension, or None.
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

    __slots__ = (
        "_account",
        "_at",
        "_data",
        "_deflate",
        "_fresh",
        "_judged",
        "_quick_limit",
        "_steps",
        "bytes",
        "compressed",
        "holds_much",
        "large",
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
        self.large: LargeFrame | CompressedFrame | None = None
        self.holds_much = False
        self.limit = limit
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
        # It is made for the first frame that needs it: most connections have none.
        self._judged: Judged | None = None
        self._steps = 0

    def add(self, data: bytes) -> None:
        """Append what was read."""
        self._data = self._data[self._at :] + data if self.pending else data
        self._at = 0
        self.pending = True

    def clear(self) -> None:
        """Drop all input, used or not."""
        self._data, self._at, self.pending = b"", 0, False
        self.large = self._judged = None
        if self._deflate is not None:
            self._deflate.drop_inflater()
        self._account.clear()

    @property
    def under_way(self) -> int:
        """How many bytes an incomplete message has."""
        return (self._judged.size if self._judged is not None else 0) + (
            self.large.payload.size if self.large is not None else 0
        )

    def next(self, stop_at: int | None = None) -> Message | Control | None:
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
                raise not_utf8(error) from None
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

    def _assemble(self, stop_at: int | None) -> Message | Control | None:
        """The slow path: read frame by frame until there is something to return."""
        while self._at < len(self._data):
            if stop_at is not None and self.under_way >= stop_at:
                return None
            if self._data[self._at] & frames.IS_CONTROL:  # If a frame starts here.
                control = self._take_control()
                if control is not None:
                    return control
            if self._fresh:
                self._begin_large()
            if isinstance(self.large, CompressedFrame):
                item: Message | Control | None = self._take_compressed(self.large, stop_at)
            elif self.large is not None:
                item = self._take_large(self.large)
            else:
                item = self._take_judged(stop_at is not None)
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
            with unless_over_budget():
                self._account.expect(begun[0].left)
        elif self._deflate is not None:
            self._begin_compressed(self._deflate)

    def _take_large(self, large: LargeFrame) -> Message | None:
        start = self._at
        try:
            self._at = large.add(self._data, start)
        except UnicodeDecodeError as error:
            raise not_utf8(error) from None
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
        if header.length > longest_deflated(self.limit):
            raise too_big(self.limit)
        self.large = CompressedFrame(header, key, deflate.inflater())

    def _take_compressed(self, frame: CompressedFrame, stop_at: int | None) -> Message | None:
        most = _COMPRESSED_PIECE_BYTES if stop_at is None else LEAST_INFLATE_BYTES
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
            raise not_utf8(error) from None

    def _add_inflated(self, frame: CompressedFrame, output: bytes) -> None:
        if frame.payload.size + len(output) > self.limit:
            raise too_big(self.limit)
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
            with self.large_work():
                message = payload.finish()
            self._account.deliver(message)
        return message

    def large_work(self) -> AbstractContextManager[None]:
        """Wait for the turn to work on something large; see :class:`Meter`."""
        return self._account.budget.large_work()

    def inflated(self, count: int) -> None:
        """Charge the account for what a piece has inflated to; see :class:`Meter`."""
        before = self._judged.parts if self._judged is not None else None
        if (before.size if before is not None else 0) + count > self.limit:
            raise too_big(self.limit)
        held = before.held if before is not None else 0
        with unless_over_budget():
            self._account.hold_under_way(held + _COPIES * count)

    # -- Control frames --------------------------------------------------------------------------

    def _take_control(self) -> Control | None:
        """Take a whole control frame, which may come between the fragments of a message (section
        5.4)."""
        between = self._fresh or (
            self.large is None and self._judged is not None and self._judged.between_frames
        )
        whole = whole_control(self._data, self._at) if between else None
        if whole is None:
            return None
        self._count_step()
        control, self._at = whole
        return control

    # -- All other frames ------------------------------------------------------------------------

    def _take_judged(self, little: bool) -> Message | Control | None:
        """Pass a part of a frame to wsproto; see :meth:`Judged.take`."""
        self._count_step()
        if self._judged is None:
            self._judged = Judged(self.limit, self._account, self._deflate)
        judged = self._judged
        before = judged.size
        item, self._at = judged.take(self._data, self._at, little)
        self._fresh = judged.between_messages
        parts = judged.parts
        if parts is None:
            return item
        self.bytes += parts.size - before
        if parts.size > self.limit:
            raise too_big(self.limit)
        if not judged.is_whole:
            self._hold(parts)
            return item
        return self._finish(*judged.take_message())

    def _take(self, size: int) -> bytes:
        piece = self._data[self._at : self._at + size]
        self._at += len(piece)
        return piece
