"""A WebSocket connection that is driven by the thread of its own request.

There is no second thread: :meth:`Connection.receive` reads the socket when the handler asks
for a message, and nothing else ever reads or writes it or touches the protocol state. The
kernel's socket buffer is the queue, so a peer that does not read is held back by TCP.

wsproto is the authority on the protocol (RFC 6455). Frames of the common kind are taken by
:mod:`flask_echo.frames` without it, all others go to it one at a time and never past their
end, so it stands between two frames whenever the fast path looks again.
"""

import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from threading import get_ident
from time import monotonic
from typing import Any, NoReturn

from simple_websocket import ConnectionClosed, Server
from wsproto import ConnectionType
from wsproto.connection import Connection as Protocol
from wsproto.connection import ConnectionState
from wsproto.events import (
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    Request,
    TextMessage,
)
from wsproto.events import Message as OutgoingMessage
from wsproto.extensions import Extension, PerMessageDeflate
from wsproto.frame_protocol import CloseReason
from wsproto.handshake import server_extensions_handshake
from wsproto.utilities import generate_accept_token

from flask_echo import frames
from flask_echo.config import Settings
from flask_echo.frames import Header, LargeFrame, Message
from flask_echo.transport import Deadline, SendTimeout, Woken, open_transport

# One read takes many small frames, or a piece of a large one. A thread that waits in a read
# holds the buffer for it: with 16 KiB an idle connection takes 4 KiB of memory more.
_READ_BYTES = 4 * 1024
_READ_LARGE_BYTES = 64 * 1024

# Deflate reaches 1,030 to 1, and wsproto inflates a piece whole: 1 KiB becomes 1 MiB at most
# before the sum is looked at again.
_INFLATE_BYTES = 1024

# Codes that an endpoint may send (RFC 6455, section 7.4; 1012 to 1014 are registered later).
_SENDABLE = {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}


def may_be_sent(code: int) -> bool:
    """Whether a Close frame may carry ``code`` (RFC 6455, sections 7.4.1 and 7.4.2)."""
    return code in _SENDABLE


def _elements(header: str | None) -> list[str]:
    return [element.strip() for element in (header or "").split(",") if element.strip()]


class Connection(Server):
    """The server's end of one WebSocket, from the upgrade to the end of the stream.

    To its callers it is a :class:`simple_websocket.Server`. All methods but :meth:`wake`
    belong to the thread that made it.

    :param sock: the socket of the request; who made it closes it, after the handler.
    :param environ: the WSGI environment of a request that :mod:`flask_echo.handshake` found
        good; ``HTTP_SEC_WEBSOCKET_EXTENSIONS`` in it is an offer that can be accepted.
    :param settings: limits and time-outs.
    :param wake_fd: gives a descriptor that is readable once :meth:`wake` was called.
    :param subprotocols: those that this route speaks, by preference of the client.
    :param early: bytes that the HTTP server has read beyond the request.
    """

    def __init__(
        self,
        sock: socket.socket,
        environ: Mapping[str, Any],
        settings: Settings,
        wake_fd: Callable[[], int],
        subprotocols: Sequence[str] = (),
        early: bytes = b"",
    ) -> None:
        # Not super().__init__(): it starts the thread that this class is there to avoid.
        self.sock = sock
        self.environ = environ
        self.subprotocols = list(subprotocols)
        self.subprotocol: str | None = None
        self.connected = False
        self.close_reason: int = CloseReason.ABNORMAL_CLOSURE
        self.close_message: str | None = None
        self.received_messages = self.received_bytes = 0
        self.sent_messages = self.sent_bytes = 0

        self._settings = settings
        self._limit = settings.max_message_bytes
        self._owner = get_ident()
        close_timeout = settings.close_timeout_seconds
        self._transport = open_transport(
            sock, settings.send_timeout_seconds, close_timeout / 2, wake_fd
        )

        # Liveness: since when the peer has been silent and a ping has had no answer; 0 while it
        # is not known or not so. The clock is not asked for each message.
        self._ping_interval = settings.ping_interval_seconds or None
        self._heard = self._ping_sent = 0.0

        # Input: bytes that arrived, and how far they are used up.
        self._input = early
        self._at = 0
        # Whether wsproto and we stand between two messages, so that the fast path may look.
        self._fresh = True
        self._large: LargeFrame | None = None
        # The frame that wsproto is at: its header so far, and the payload still to come.
        self._head = bytearray()
        self._frame = Header(0, False, 0)
        self._frame_left = 0
        # The message that wsproto is at: all its frames have arrived when it is not open.
        self._open = False
        self._compressed = False
        self._size = 0
        self._parts: list[Any] = []
        self._reply_compressed = False
        # The peer's Close frame.
        self._peer_close: CloseConnection | None = None

    # -- The opening handshake (RFC 6455, section 4.2.2) -----------------------------------

    def upgrade(self) -> None:
        """Answer the upgrade request with 101; the first thing to do.

        :raises ConnectionClosed: when the peer is gone already.
        """
        offers, protocols = (
            _elements(self.environ.get(f"HTTP_SEC_WEBSOCKET_{name}"))
            for name in ("EXTENSIONS", "PROTOCOL")
        )
        request = Request(
            host=self.environ.get("HTTP_HOST", ""),
            target=self.environ.get("PATH_INFO", "/"),
            extensions=offers,
            subprotocols=protocols,
        )
        self.subprotocol = self.choose_subprotocol(request)
        extensions: list[Extension] = [PerMessageDeflate()] if offers else []
        accepted = server_extensions_handshake(offers, extensions)
        self._ws = Protocol(ConnectionType.SERVER, extensions)
        self.connected = True
        self._write(self._answer(accepted))

    def _answer(self, accepted: bytes | None) -> bytes:
        """The head of the 101 (items 5.1 to 5.6), written here: an HTTP library would parse the
        request once more, and keep its state in each of many connections."""
        key = self.environ["HTTP_SEC_WEBSOCKET_KEY"].strip().encode()
        lines = [
            b"HTTP/1.1 101 Switching Protocols",
            b"Upgrade: websocket",
            b"Connection: Upgrade",
            b"Sec-WebSocket-Accept: " + generate_accept_token(key),
        ]
        if self.subprotocol is not None:
            lines.append(b"Sec-WebSocket-Protocol: " + self.subprotocol.encode())
        if accepted is not None:
            lines.append(b"Sec-WebSocket-Extensions: " + accepted)
        return b"\r\n".join([*lines, b"", b""])

    # -- Receiving -------------------------------------------------------------------------

    def receive(self, timeout: float | None = None) -> Message | None:
        """Return the next message; pings and closes are answered meanwhile.

        :param timeout: seconds to wait; None waits for ever, 0 takes what has arrived.
        :return: ``str`` or ``bytes``, or None when the time is up.
        :raises ConnectionClosed: with the code and reason that ended the connection.
        """
        if not self.connected:
            self._raise_closed()
        deadline = None if timeout is None else Deadline(timeout)
        time_is_up = False
        while True:
            if self._at < len(self._input):
                message = self._next_message()
                if message is not None:
                    return message
            if time_is_up or not self._read(deadline):
                return None
            # A peer that sends parts without a pause does not put off the deadline.
            if deadline is not None:
                time_is_up = not deadline.left()

    def _next_message(self) -> Message | None:
        """Take a message from what has arrived, or None if there is not a whole one."""
        if self._fresh:
            try:
                whole = frames.whole_message(self._input, self._at, self._limit)
            except UnicodeDecodeError as error:
                self._fail(CloseReason.INVALID_FRAME_PAYLOAD_DATA, str(error))
            if whole is not None:
                message, size, self._at = whole
                self.received_messages += 1
                self.received_bytes += size
                self._reply_compressed = False
                return message
        return self._assemble()

    def _read(self, deadline: Deadline | None) -> bool:
        """Wait for more input; False when ``deadline`` came first."""
        assert get_ident() == self._owner, "a connection belongs to the thread of its request"
        if deadline is None and not self._ping_sent:
            wait = self._ping_interval
        else:
            wait = self._until_due(deadline)
        try:
            size = _READ_BYTES if self._large is None else _READ_LARGE_BYTES
            data = self._transport.recv(size, wait)
        except TimeoutError:
            return self._on_silence(deadline)
        except Woken:
            self.close(CloseReason.GOING_AWAY, "going away")
            self._raise_closed()
        except OSError:
            self._lost()
        if not data:
            self._lost()
        self._heard = self._ping_sent = 0.0
        self._arrived(data)
        return True

    def _arrived(self, data: bytes) -> None:
        self._input = self._input[self._at :] + data if self._at < len(self._input) else data
        self._at = 0

    def _assemble(self) -> Message | None:
        """The slow path: go on from frame to frame until a message is whole."""
        while self._at < len(self._input) and self._peer_close is None:
            if self._fresh and self._large is None:
                self._begin_large()
            if self._large is not None:
                message = self._take_large(self._large)
            elif self._frame_left:
                message = self._take_payload()
            else:
                message = self._take_header()
            if message is not None:
                return message
        return None

    def _begin_large(self) -> None:
        begun = LargeFrame.begin(self._input, self._at, self._limit)
        if begun is not None:
            self._large, self._at = begun
            self._fresh = False

    def _take_large(self, large: LargeFrame) -> Message | None:
        start = self._at
        try:
            self._at = large.add(self._input, self._at)
        except UnicodeDecodeError as error:
            self._fail(CloseReason.INVALID_FRAME_PAYLOAD_DATA, str(error))
        self.received_bytes += self._at - start
        if large.left:
            return None
        self._large, self._fresh = None, True
        self.received_messages += 1
        self._reply_compressed = False
        return large.message()

    def _take_header(self) -> Message | None:
        """Hand the bytes of a header to wsproto, which judges it before the size is judged."""
        need = frames.header_size(self._head) - len(self._head)
        piece = self._take(need)
        self._head += piece
        self._fresh = False
        complete = len(self._head) == frames.header_size(self._head)
        if complete:
            self._begin_frame(frames.parse_header(self._head))
        message = self._feed(piece)
        if complete:
            self._check_size()
        return message

    def _begin_frame(self, header: Header) -> None:
        self._head.clear()
        self._frame = header
        self._frame_left = header.length
        if header.is_control:
            return
        if header.first & frames.OPCODE != frames.CONTINUATION:
            self._compressed = header.is_compressed
            self._size = 0
        self._open = not header.is_final
        if not self._compressed:
            self._size += header.length

    def _check_size(self) -> None:
        """Refuse a message that is too long from the header, before its payload is read."""
        if self._frame.is_control:  # wsproto holds these to 125 bytes (section 5.5).
            return
        # Compressed, its size is counted as it is inflated. No sane encoder makes data longer
        # than by the 9 bits for 8 of fixed Huffman codes (RFC 1951, section 3.2.6).
        longest = self._limit + self._limit // 8 + 1024 if self._compressed else self._limit
        if self._size > self._limit or self._frame_left > longest:
            self._fail_too_big()

    def _take_payload(self) -> Message | None:
        inflates = self._compressed and not self._frame.is_control
        piece = self._take(min(self._frame_left, _INFLATE_BYTES) if inflates else self._frame_left)
        self._frame_left -= len(piece)
        return self._feed(piece)

    def _take(self, size: int) -> bytes:
        piece = self._input[self._at : self._at + size]
        self._at += len(piece)
        return piece

    def _feed(self, piece: bytes) -> Message | None:
        """Give wsproto a part of one frame, and do what it says; return a finished message."""
        message = None
        self._ws.receive_data(piece)
        # To the end before anything is raised: wsproto's generator is part of a reference cycle,
        # and would keep the payload that it has just handed out until the garbage is collected.
        for event in list(self._ws.events()):
            if isinstance(event, TextMessage | BytesMessage):
                message = self._add_part(event)
            else:
                self._on_control(event)
        if not self._frame_left and not self._head:
            self._fresh = not self._open
        return message

    def _add_part(self, event: TextMessage | BytesMessage) -> Message | None:
        size = len(event.data) if isinstance(event, BytesMessage) else len(event.data.encode())
        self.received_bytes += size
        if self._compressed:
            self._size += size
            if self._size > self._limit:
                self._fail_too_big()
        self._parts.append(event.data)
        if not event.message_finished:
            return None
        message: Message = self._parts[0][:0].join(self._parts)
        self._parts = []
        self.received_messages += 1
        self._reply_compressed = self._compressed
        return message

    def _on_control(self, event: Event) -> None:
        """Answer a ping (RFC 6455, section 5.5.2); see to the end of the connection."""
        if isinstance(event, Ping) and self.connected:
            self._write(self._ws.send(event.response()))
        elif isinstance(event, CloseConnection):
            self._on_close(event)

    def _on_close(self, event: CloseConnection) -> None:
        if self._ws.state is ConnectionState.OPEN:  # Not a Close frame: wsproto's verdict.
            self._fail(event.code, event.reason)
        self._peer_close = event
        if self.connected:
            self._closed(event.code, event.reason)
            self._say_goodbye(event.response(), await_close=False)
            self._raise_closed()

    # -- Liveness --------------------------------------------------------------------------

    def _until_due(self, deadline: Deadline | None) -> float | None:
        """Seconds until something must be done if nothing arrives; None is never."""
        waits = [] if deadline is None else [deadline.left()]
        if self._ping_sent:
            due = self._ping_sent + self._settings.ping_timeout_seconds
            waits.append(max(0.0, due - monotonic()))
        elif self._ping_interval is not None:
            self._heard = self._heard or monotonic()
            waits.append(max(0.0, self._heard + self._ping_interval - monotonic()))
        return min(waits, default=None)

    def _on_silence(self, deadline: Deadline | None) -> bool:
        """Nothing came for as long as was to be waited; False when ``deadline`` is why."""
        now = monotonic()
        if self._ping_sent:
            if now - self._ping_sent >= self._settings.ping_timeout_seconds:
                # The code and the words that simple-websocket's callers know.
                self._fail(CloseReason.POLICY_VIOLATION, "Ping/Pong timeout")
        elif self._ping_interval is not None and now - self._heard >= self._ping_interval:
            # Also if it is not known since when: then the whole interval was waited for.
            self._ping_sent = now
            self._write(self._ws.send(Ping()))
        return deadline is None or deadline.left() > 0

    # -- Sending ---------------------------------------------------------------------------

    def send(self, data: Any) -> None:
        """Send one message, compressed if the message received last was.

        :param data: bytes-like for a binary message; anything else is sent as its text.
        :raises ConnectionClosed: when the connection is closed, or the peer has stopped reading.
        """
        if not self.connected:
            self._raise_closed()
        if not isinstance(data, (str, bytes)):
            data = bytes(data) if isinstance(data, (bytearray, memoryview)) else str(data)
        header, payload = frames.encode(data)
        size = len(payload)
        if self._reply_compressed:
            header, payload = b"", self._ws.send(OutgoingMessage(data=data))
        self._write(header, payload)
        self.sent_messages += 1
        self.sent_bytes += size

    def _write(self, header: bytes, payload: bytes = b"") -> None:
        try:
            self._transport.send_frame(header, payload)
        except SendTimeout:
            # Nothing more gets through to this peer, a Close frame neither.
            self._closed(CloseReason.ABNORMAL_CLOSURE, "peer has stopped reading")
            self._transport.abort()
            self._let_go()
            self._raise_closed()
        except OSError:
            self._lost()

    # -- The end (RFC 6455, section 7) -----------------------------------------------------

    def close(self, reason: int | None = None, message: str | None = None) -> None:
        """Close the connection and wait, for the close time-out at most, until it has ended.

        :param reason: the status code, 1000 by default.
        :param message: the reason in words, cut to 123 bytes of UTF-8.
        :raises ConnectionClosed: when it is closed already.
        :raises ValueError: for a code that may not be sent (RFC 6455, section 7.4).
        """
        if not self.connected:
            self._raise_closed()
        code = CloseReason.NORMAL_CLOSURE if reason is None else reason
        if not may_be_sent(code):
            raise ValueError(f"close code {code} may not be sent (RFC 6455, section 7.4)")
        self._closed(code, message)
        self._say_goodbye(CloseConnection(code, message), await_close=True)

    def wake(self) -> None:
        """Tell the owner that the server is going away; the one method for other threads."""
        self._transport.wake()

    def _fail_too_big(self) -> NoReturn:
        self._fail(CloseReason.MESSAGE_TOO_BIG, f"message longer than {self._limit} bytes")

    def _fail(self, code: int, message: str | None) -> NoReturn:
        """_Fail the WebSocket Connection_ (section 7.1.7): what still comes is not looked at."""
        if self.connected:
            self._closed(code, message)
            self._say_goodbye(CloseConnection(code, message), await_close=False)
        self._raise_closed()

    def _lost(self) -> NoReturn:
        """The stream is broken; a Close frame that had arrived before says why."""
        if self.connected:
            self._closed(CloseReason.ABNORMAL_CLOSURE, None)
            with suppress(OSError, ConnectionClosed):
                self._read_until_close(Deadline(0))
            if self._peer_close is not None:
                self._closed(self._peer_close.code, self._peer_close.reason)
            self._let_go()
        self._raise_closed()

    def _closed(self, code: int, message: str | None) -> None:
        """Note how it ended. From here on nothing but a Close frame is sent."""
        self.connected = False
        self.close_reason, self.close_message = code, message

    def _raise_closed(self) -> NoReturn:
        raise ConnectionClosed(self.close_reason, self.close_message)

    def _say_goodbye(self, close: CloseConnection, await_close: bool) -> None:
        """Send the last frame, see the stream end, and let go, all before one deadline.

        1. Send the Close frame (section 5.5.1).
        2. Wait for the peer's, where the closing handshake is still to be had (7.1.2).
        3. End our side first, as a server should (7.1.1).
        4. Read on to the end: closing a socket with unread input resets the connection, and
           the reset can overtake the Close frame.
        """
        deadline = Deadline(self._settings.close_timeout_seconds)
        try:
            self._transport.send_last(self._ws.send(close), deadline)
            if await_close:
                with suppress(ConnectionClosed):
                    self._read_until_close(deadline)
            self._transport.shut_write()
            self._transport.discard(deadline)
        except SendTimeout:
            self._transport.abort()
        except OSError:
            pass  # Out of time, or the peer is gone: this was all that can be done for it.
        finally:
            self._let_go()

    def _let_go(self) -> None:
        """End the stream, and drop what may be large, however long the handler goes on."""
        self._transport.finish()
        self._input, self._at = b"", 0
        self._large = None
        self._parts = []

    def _read_until_close(self, deadline: Deadline) -> None:
        """Drop messages until the peer's Close frame or the end of the stream."""
        while True:
            while self._next_message() is not None:
                pass
            if self._peer_close is not None:
                return
            try:
                data = self._transport.recv(_READ_LARGE_BYTES, deadline.left())
            except Woken:
                continue  # We are going already.
            if not data:
                return
            self._arrived(data)
