"""The frames that wsproto judges: fragments, and all that is unusual or wrong."""

from wsproto import ConnectionType
from wsproto.connection import Connection as Protocol
from wsproto.connection import ConnectionState
from wsproto.events import BytesMessage, CloseConnection, Event, TextMessage
from wsproto.events import Ping as PingEvent

from flask_echo.websocket import frames
from flask_echo.websocket.assembly import Assembly
from flask_echo.websocket.budget import FREE_BYTES, Account
from flask_echo.websocket.control import Close, Control, Ping, Pong
from flask_echo.websocket.deflate import Deflate
from flask_echo.websocket.frames import Header
from flask_echo.websocket.masking import unmask
from flask_echo.websocket.verdicts import Unacceptable, too_big, unless_over_budget

# Deflate reaches 1,030 to 1, so 64 bytes become at most 64 KiB, and 1 KiB becomes 1 MiB. The piece
# of input grows while it inflates to little, because each one takes about 15 µs.
LEAST_INFLATE_BYTES = 64
_MOST_INFLATE_BYTES = 1024
_LITTLE_OUTPUT_BYTES = 8 * 1024
_MUCH_OUTPUT_BYTES = 32 * 1024


def longest_deflated(limit: int) -> int:
    """Return how long a message of ``limit`` bytes may be before inflating.

    Fixed Huffman codes make 8 bits into 9 (RFC 1951, section 3.2.6); no sane encoder does worse.
    """
    return limit + limit // 8 + 1024


class Judged:
    """One frame after the other, of those that wsproto judges.

    wsproto never gets bytes beyond the current frame. So this may begin at any start of a message,
    and others may take whole messages and control frames in between.

    :param limit: the longest message that is accepted, in bytes after inflating.
    :param account: is asked whether it can hold a message that begins.
    :param deflate: the negotiated extension, or None.
    :ivar parts: the message so far, or None.
    :ivar is_whole: whether that is all of it. The caller takes it then; see :meth:`take_message`.
    """

    __slots__ = (
        "_account",
        "_control",
        "_deflated",
        "_deflated_size",
        "_frame",
        "_head",
        "_inflate_bytes",
        "_key",
        "_left",
        "_limit",
        "_open",
        "_protocol",
        "_size",
        "is_whole",
        "parts",
    )

    def __init__(self, limit: int, account: Account, deflate: Deflate | None) -> None:
        self._protocol = Protocol(ConnectionType.SERVER, [deflate] if deflate else [])
        self._limit = limit
        self._account = account
        # The frame that has begun: its header so far, its masking key, and the missing payload.
        self._head = bytearray()
        self._frame = Header(0, False, 0)
        self._key = b""
        self._left = 0
        # The payload so far, if that is a control frame.
        self._control = b""
        # The message that has begun. It is open until its final frame begins.
        self._open = False
        self._deflated = False
        # A compressed message is counted while it is inflated, and by its frames.
        self._size = 0
        self._deflated_size = 0
        self._inflate_bytes = LEAST_INFLATE_BYTES
        self.parts: Assembly | None = None
        self.is_whole = False

    @property
    def between_frames(self) -> bool:
        """Whether the next byte starts a frame."""
        return not self._left and not self._head

    @property
    def between_messages(self) -> bool:
        """Whether the next byte starts a message, or a control frame before it."""
        return not (self._open or self._left or self._head)

    @property
    def size(self) -> int:
        """How many bytes the message has so far, after inflating."""
        return self.parts.size if self.parts is not None else 0

    def take_message(self) -> tuple[Assembly, bool]:
        """Return a whole message, and whether it was compressed."""
        assert self.parts is not None
        parts, self.parts, self.is_whole = self.parts, None, False
        return parts, self._deflated

    def take(self, data: bytes, start: int, little: bool) -> tuple[Control | None, int]:
        """Take the bytes at index ``start``: a header, or a part of a payload.

        :param little: whether the part should inflate to 64 KiB at most.
        :return: a control frame that is complete, and the index of the bytes after those taken.
        :raises Unacceptable: if they violate the protocol or the limit.
        """
        if self._left:
            piece = data[start : start + self._most(little)]
            self._left -= len(piece)
            item = self._take_payload(piece)
        else:
            piece = data[start : start + frames.header_size(self._head) - len(self._head)]
            item = self._take_header(piece)
        return item, start + len(piece)

    def _most(self, little: bool) -> int:
        """Return how many bytes of a payload to take at once."""
        if self._frame.is_control or not self._deflated:
            return self._left
        return min(self._left, LEAST_INFLATE_BYTES if little else self._inflate_bytes)

    # -- Headers -----------------------------------------------------------------------------------

    def _take_header(self, piece: bytes) -> Control | None:
        """Pass the bytes of a header to wsproto. Its verdict comes before that on the length."""
        self._head += piece
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
        self._left = header.length
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
        if self._size > self._limit or self._deflated_size > longest_deflated(self._limit):
            raise too_big(self._limit)
        if self._size > FREE_BYTES:
            with unless_over_budget():
                self._account.expect(self._size)

    # -- Payloads ----------------------------------------------------------------------------------

    def _take_payload(self, piece: bytes) -> Control | None:
        if self._frame.is_control:
            return self._take_control(piece)
        if not self._deflated:
            return self._feed(piece)
        before = self.size
        item = self._feed(piece)
        if self.size - before > _MUCH_OUTPUT_BYTES:
            self._inflate_bytes = LEAST_INFLATE_BYTES
        elif self.size - before < _LITTLE_OUTPUT_BYTES:
            self._inflate_bytes = min(2 * self._inflate_bytes, _MOST_INFLATE_BYTES)
        return item

    def _take_control(self, piece: bytes) -> Control | None:
        """Pass the payload of a ping or pong to wsproto as a whole."""
        self._control += piece
        if self._left:
            return None
        payload, self._control = self._control, b""
        if self._frame.first & frames.OPCODE == frames.CLOSE:
            # wsproto 1.3.2 refuses 1014. It has judged the header.
            return Close.parse(unmask(payload, self._key))
        return self._feed(payload)

    # -- wsproto -----------------------------------------------------------------------------------

    def _feed(self, piece: bytes) -> Control | None:
        """Let wsproto make an event of a part of a frame; there is at most one."""
        self._protocol.receive_data(piece)
        # Exhaust the generator before raising: it is part of a reference cycle, and would keep
        # its last payload until the next garbage collection.
        events = list(self._protocol.events())
        assert len(events) <= 1, events
        for event in events:
            if isinstance(event, TextMessage | BytesMessage):
                self._add_part(event)
            else:
                return self._control_of(event)
        return None

    def _add_part(self, event: TextMessage | BytesMessage) -> None:
        if self.parts is None:
            self.parts = Assembly(isinstance(event, TextMessage))
        if isinstance(event, TextMessage):
            self.parts.add_text(event.data)
        else:
            self.parts.add(event.data, event.message_finished)
        self.is_whole = event.message_finished

    def _control_of(self, event: Event) -> Control:
        if isinstance(event, CloseConnection):
            if self._protocol.state is ConnectionState.OPEN:  # No Close frame: its verdict.
                raise Unacceptable(event.code, event.reason)
            return Close(event.code, event.reason)  # It has no payload.
        payload = bytes(event.payload)  # type: ignore[attr-defined]
        return Ping(payload) if isinstance(event, PingEvent) else Pong(payload)
