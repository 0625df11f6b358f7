"""Incoming bytes to messages: a fast path for the common frame, wsproto for the others.

This module has no socket and sends nothing. The connection asks for the next item, and answers it.
"""

from io import BytesIO
from time import sleep

from wsproto.connection import Connection as Protocol
from wsproto.connection import ConnectionState
from wsproto.events import BytesMessage, CloseConnection, Event, TextMessage
from wsproto.frame_protocol import CloseReason

from flask_echo.websocket import frames
from flask_echo.websocket.frames import Header, LargeFrame, Message

# Deflate reaches 1,030 to 1, and wsproto inflates a whole piece at once. So 1 KiB becomes at most
# 1 MiB before the size is checked again.
_INFLATE_BYTES = 1024

# After this many steps on the slow path, of about 15 µs each, other threads run. The pause is
# twice the slack of Linux's timers, which comes on top.
_STEPS = 100
_PAUSE_SECONDS = 0.0001


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
    :param early: bytes that have arrived already.
    :ivar pending: whether there is input that :meth:`next` has not used.
    :ivar messages: how many messages were returned.
    :ivar bytes: how many bytes of payload have arrived, after inflating.
    :ivar large: the incomplete common frame, if there is one; it is read in large pieces.
    :ivar compressed: whether the last returned message was compressed.
    """

    def __init__(self, protocol: Protocol, limit: int, early: bytes = b"") -> None:
        self.messages = 0
        self.bytes = 0
        self.compressed = False
        self.large: LargeFrame | None = None
        self._protocol = protocol
        self._limit = limit
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
        self._parts = BytesIO()
        self._steps = 0

    def add(self, data: bytes) -> None:
        """Append what was read."""
        self._data = self._data[self._at :] + data if self.pending else data
        self._at = 0
        self.pending = True

    def clear(self) -> None:
        """Drop all input, used or not."""
        self._data, self._at, self.pending = b"", 0, False
        self.large = None
        self._parts = BytesIO()

    @property
    def under_way(self) -> int:
        """How many bytes an incomplete message holds."""
        return self._parts.tell() + (self.large.arrived if self.large is not None else 0)

    def next(self, stop_at: int | None = None) -> Message | Event | None:
        """Return the next message or control event, or None if there is no complete one.

        :param stop_at: return None when an incomplete message holds this many bytes, though
            there may be more input.
        :raises Unacceptable: if the input violates the protocol or the limit.
        """
        data = self._data
        if self._fresh:
            try:
                whole = frames.whole_message(data, self._at, self._limit)
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
            self._count_step()
            if self._fresh:
                self._begin_large()
            if self.large is not None:
                item: Message | Event | None = self._take_large(self.large)
            elif self._frame_left:
                item = self._take_payload()
            else:
                item = self._take_header()
            if item is not None:
                return item
        return None

    def _count_step(self) -> None:
        """Let other threads run. wsproto makes no system call, so a peer that sends tiny
        fragments would keep the GIL for a whole switch interval. To release it for a moment is
        not enough: another thread needs time to take it."""
        self._steps += 1
        if self._steps == _STEPS:
            self._steps = 0
            sleep(_PAUSE_SECONDS)

    # -- A common frame that is incomplete ---------------------------------------------------

    def _begin_large(self) -> None:
        begun = LargeFrame.begin(self._data, self._at, self._limit)
        if begun is not None:
            self.large, self._at = begun
            self._fresh = False

    def _take_large(self, large: LargeFrame) -> Message | None:
        start = self._at
        try:
            self._at = large.add(self._data, start)
        except UnicodeDecodeError as error:
            raise _not_utf8(error) from None
        self.bytes += self._at - start
        if large.left:
            return None
        self.large, self._fresh = None, True
        self.messages += 1
        self.compressed = False
        return large.message()

    # -- All other frames ----------------------------------------------------------------------

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
        self._head.clear()
        self._frame = header
        self._frame_left = header.length
        if header.is_control:
            return
        if header.first & frames.OPCODE != frames.CONTINUATION:
            self._deflated = header.is_compressed
            self._size = 0
        self._open = not header.is_final
        if not self._deflated:
            self._size += header.length

    def _check_length(self) -> None:
        """Refuse a message that is too long by its header, before its payload is read."""
        if self._frame.is_control:  # wsproto limits these to 125 bytes (section 5.5).
            return
        # The size of a compressed message is counted while it is inflated. Fixed Huffman codes
        # make 8 bits into 9 (RFC 1951, section 3.2.6); no sane encoder does worse.
        longest = self._limit + self._limit // 8 + 1024 if self._deflated else self._limit
        if self._size > self._limit or self._frame_left > longest:
            raise self._too_big()

    def _take_payload(self) -> Message | Event | None:
        inflates = self._deflated and not self._frame.is_control
        piece = self._take(min(self._frame_left, _INFLATE_BYTES) if inflates else self._frame_left)
        self._frame_left -= len(piece)
        return self._feed(piece)

    def _take(self, size: int) -> bytes:
        piece = self._data[self._at : self._at + size]
        self._at += len(piece)
        return piece

    def _feed(self, piece: bytes) -> Message | Event | None:
        """Pass a part of one frame to wsproto, which makes at most one event of it."""
        self._protocol.receive_data(piece)
        # Exhaust the generator before raising: it is part of a reference cycle, and would keep
        # its last payload until the next garbage collection.
        events = list(self._protocol.events())
        assert len(events) <= 1, events
        if not self._frame_left and not self._head:
            self._fresh = not self._open
        for event in events:
            if isinstance(event, TextMessage | BytesMessage):
                return self._add_part(event)
            if isinstance(event, CloseConnection) and self._protocol.state is ConnectionState.OPEN:
                raise Unacceptable(event.code, event.reason)  # No Close frame: its verdict.
            return event
        return None

    def _add_part(self, event: TextMessage | BytesMessage) -> Message | None:
        is_text = isinstance(event, TextMessage)
        data = event.data.encode() if isinstance(event, TextMessage) else event.data
        self.bytes += len(data)
        if self._deflated:
            self._size += len(data)
            if self._size > self._limit:
                raise self._too_big()
        # One buffer of bytes: a list would need 42 bytes for each fragment of one byte.
        self._parts.write(data)
        if not event.message_finished:
            return None
        whole = self._parts.getvalue()
        self._parts = BytesIO()
        self.messages += 1
        self.compressed = self._deflated
        return whole.decode() if is_text else whole

    def _too_big(self) -> Unacceptable:
        reason = f"message longer than {self._limit} bytes"
        return Unacceptable(CloseReason.MESSAGE_TOO_BIG, reason)


def _not_utf8(error: UnicodeDecodeError) -> Unacceptable:
    """Section 8.1."""
    return Unacceptable(CloseReason.INVALID_FRAME_PAYLOAD_DATA, str(error))
