"""Bytes that arrived, to messages: the fast path for the common frame, wsproto for the rest.

No socket is known here and nothing is sent: the connection asks for what comes next, and
answers it.
"""

from io import BytesIO
from time import sleep

from wsproto.connection import Connection as Protocol
from wsproto.connection import ConnectionState
from wsproto.events import BytesMessage, CloseConnection, Event, TextMessage
from wsproto.frame_protocol import CloseReason

from flask_echo import frames
from flask_echo.frames import Header, LargeFrame, Message

# Deflate reaches 1,030 to 1, and wsproto inflates a piece whole: 1 KiB becomes 1 MiB at most
# before the sum is looked at again.
_INFLATE_BYTES = 1024

# How many steps on the slow path, of about 15 µs each, before others have a turn, and how long
# that is: twice the slack of Linux's timers, which comes on top.
_TURNS = 100
_PAUSE_SECONDS = 0.0001


class Unacceptable(Exception):
    """What arrived fails the connection (RFC 6455, section 7.1.7).

    :ivar code: the status code to close with.
    :ivar reason: why, in words.
    """

    def __init__(self, code: int, reason: str | None) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class Incoming:
    """One direction of a connection, from its peer to us.

    wsproto gets one frame at a time and never more than to its end, so that it stands between
    two frames whenever the fast path looks, and so that a message before a broken frame is
    still delivered.

    :param protocol: wsproto's connection, which judges all but the common frame.
    :param limit: the longest message that is taken, in bytes, compressed or not.
    :param early: bytes that have arrived already.
    :ivar pending: whether there is input that :meth:`next` has not used.
    :ivar messages: how many have been returned so far.
    :ivar bytes: of payload, inflated, that have arrived so far in messages.
    :ivar large: the frame that is under way and pays to be read in large pieces, if there is one.
    :ivar compressed: whether the message that was returned last had been.
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
        # Whether the next byte begins a message, so that the fast path may look at it.
        self._fresh = True
        # The frame that wsproto is at: its header so far, and the payload still to come.
        self._head = bytearray()
        self._frame = Header(0, False, 0)
        self._frame_left = 0
        # The message that wsproto is at, which is open until its final frame has begun.
        self._open = False
        self._deflated = False
        self._size = 0
        self._parts = BytesIO()
        self._turns = 0

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

    def next(self) -> Message | Event | None:
        """Return the next message or control event, or None until there is more input.

        :raises Unacceptable: for what violates the protocol or the limit.
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
        item = self._assemble()
        self.pending = self._at < len(data)
        return item

    def _assemble(self) -> Message | Event | None:
        """The slow path: go on from frame to frame until there is something to return."""
        while self._at < len(self._data):
            self._take_turns()
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

    def _take_turns(self) -> None:
        """Let others run: wsproto makes no system call, so a peer that sends tiny fragments
        would have the interpreter for a whole switch interval at a time. Letting go of it for
        a moment does not do, the others must have time to take it."""
        self._turns += 1
        if self._turns == _TURNS:
            self._turns = 0
            sleep(_PAUSE_SECONDS)

    # -- A common frame that is not all there yet --------------------------------------------

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
        """Hand the bytes of a header to wsproto, which judges it before its length is judged."""
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
        """Refuse a message that is too long from the header, before its payload is read."""
        if self._frame.is_control:  # wsproto holds these to 125 bytes (section 5.5).
            return
        # Compressed, its size is counted as it is inflated. No sane encoder makes data longer
        # than by the 9 bits for 8 of fixed Huffman codes (RFC 1951, section 3.2.6).
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
        """Give wsproto a part of one frame, of which at most one event comes."""
        self._protocol.receive_data(piece)
        # To the end before anything is raised: wsproto's generator is part of a reference cycle,
        # and would keep the payload that it has just handed out until the garbage is collected.
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
        # In one buffer, as bytes: a list would take 42 for each fragment of one byte.
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
