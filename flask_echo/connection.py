"""A WebSocket connection that is driven by the thread of its own request.

There is no second thread: :meth:`Connection.receive` reads the socket when the handler asks
for a message, and nothing else ever reads or writes it or touches the protocol state. The
kernel's socket buffer is the queue, so a peer that does not read is held back by TCP.

What the bytes mean is judged by :mod:`flask_echo.incoming`, with wsproto as its authority;
here is who waits, who answers, and how it ends (RFC 6455).
"""

import socket
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from threading import get_ident
from time import monotonic
from typing import Any, NoReturn

from simple_websocket import ConnectionClosed, Server
from wsproto import ConnectionType
from wsproto.connection import Connection as Protocol
from wsproto.events import (
    CloseConnection,
    Event,
    Ping,
    Request,
)
from wsproto.events import Message as OutgoingMessage
from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason
from wsproto.handshake import server_extensions_handshake
from wsproto.utilities import generate_accept_token

from flask_echo import frames
from flask_echo.config import Settings
from flask_echo.deflate import Deflate
from flask_echo.fields import elements
from flask_echo.frames import Message
from flask_echo.incoming import Incoming, Unacceptable
from flask_echo.transport import Deadline, SendTimeout, Woken, open_transport

# One read takes many small frames, or a piece of a large one. A thread that waits in a read
# holds the buffer for it: with 16 KiB an idle connection takes 4 KiB of memory more.
_READ_BYTES = 4 * 1024
READ_LARGE_BYTES = 64 * 1024

# For reading what had arrived on a stream that is broken; as a rule that does not block.
_LAST_LOOK_SECONDS = 0.1

_MESSAGE = (str, bytes)

# Codes that an endpoint may send (RFC 6455, section 7.4; 1012 to 1014 are registered later).
_SENDABLE = {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}


def may_be_sent(code: int) -> bool:
    """Whether a Close frame may carry ``code`` (RFC 6455, sections 7.4.1 and 7.4.2)."""
    return code in _SENDABLE


class Connection(Server):
    """The server's end of one WebSocket, from the upgrade to the end of the stream.

    To its callers it is a :class:`simple_websocket.Server`. All methods but :meth:`wake`
    belong to the thread that made it.

    :param sock: the socket of the request; who made it closes it, after the handler.
    :param environ: the WSGI environment of a request that :mod:`flask_echo.handshake` found
        good; ``HTTP_SEC_WEBSOCKET_EXTENSIONS`` in it is an offer that can be accepted.
    :param settings: limits and time-outs.
    :param wake_fd: gives a descriptor that is readable once :meth:`wake` was called.
    :param early: bytes that the HTTP server has read beyond the request.
    :param subprotocols: those that are spoken here, the best first.
    :ivar extensions: those that are in use, with their parameters.
    :ivar head: the head of the 101, as :meth:`upgrade` sends it.
    """

    def __init__(
        self,
        sock: socket.socket,
        environ: Mapping[str, Any],
        settings: Settings,
        wake_fd: Callable[[], int],
        early: bytes = b"",
        subprotocols: Iterable[str] = (),
    ) -> None:
        # Not super().__init__(): it starts the thread that this class is there to avoid.
        self.sock = sock
        self.environ = environ
        self.subprotocols = list(subprotocols)
        self.subprotocol: str | None = None
        self.connected = False
        self.close_reason: int = CloseReason.ABNORMAL_CLOSURE
        self.close_message: str | None = None
        self.sent_messages = self.sent_bytes = 0

        self._settings = settings
        self._owner = get_ident()
        close_timeout = settings.close_timeout_seconds
        self._transport = open_transport(
            sock, settings.send_timeout_seconds, close_timeout / 2, wake_fd
        )

        # Liveness: since when the peer has been silent and a ping has had no answer; 0 while it
        # is not known or not so. The clock is not asked for each message.
        self._ping_interval = settings.ping_interval_seconds or None
        self._heard = self._ping_sent = 0.0

        extensions, accepted = self._negotiate()
        self.extensions = elements(accepted.decode()) if accepted else []
        self.head = self._answer(accepted)
        self._protocol = Protocol(ConnectionType.SERVER, extensions)
        self._incoming = Incoming(self._protocol, settings.max_message_bytes, early)
        self._peer_close: CloseConnection | None = None

    @property
    def received_messages(self) -> int:
        """How many messages have come so far."""
        return self._incoming.messages

    @property
    def received_bytes(self) -> int:
        """How many bytes of payload have come so far, inflated if they were compressed."""
        return self._incoming.bytes

    # -- The opening handshake (RFC 6455, section 4.2.2) -----------------------------------

    def _negotiate(self) -> tuple[list[Extension], bytes | None]:
        """Choose the subprotocol and the extensions, and return these with their answer."""
        offers, protocols = (
            elements(self.environ.get(f"HTTP_SEC_WEBSOCKET_{name}") or "")
            for name in ("EXTENSIONS", "PROTOCOL")
        )
        request = Request(
            host=self.environ.get("HTTP_HOST", ""),
            target=self.environ.get("PATH_INFO", "/"),
            extensions=offers,
            subprotocols=protocols,
        )
        self.subprotocol = self.choose_subprotocol(request)
        extensions: list[Extension] = [Deflate()] if offers else []
        return extensions, server_extensions_handshake(offers, extensions)

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

    def upgrade(self) -> None:
        """Answer the upgrade request with 101; the first thing to do.

        :raises ConnectionClosed: when the peer is gone already.
        """
        self.connected = True
        self._write(self.head)

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
        incoming = self._incoming
        time_is_up = False
        while True:
            while incoming.pending:
                try:
                    item = incoming.next()
                except Unacceptable as error:
                    self._fail(error.code, error.reason)
                if isinstance(item, _MESSAGE):
                    return item
                if item is not None:
                    self._on_control(item)
            if time_is_up or not self._read(deadline):
                return None
            # A peer that sends parts without a pause does not put off the deadline.
            if deadline is not None:
                time_is_up = not deadline.left()

    def _on_control(self, event: Event) -> None:
        if isinstance(event, CloseConnection):
            self._on_close(event)
        elif isinstance(event, Ping) and self.connected:  # RFC 6455, section 5.5.2.
            self._write(self._protocol.send(event.response()))

    def _on_close(self, event: CloseConnection) -> None:
        self._peer_close = event
        if self.connected:
            self._closed(event.code, event.reason)
            self._say_goodbye(event.response(), await_close=False)
            self._raise_closed()

    def _read(self, deadline: Deadline | None) -> bool:
        """Wait for more input; False when ``deadline`` came first."""
        assert get_ident() == self._owner, "a connection belongs to the thread of its request"
        if deadline is None and not self._ping_sent:
            wait = self._ping_interval
        else:
            wait = self._until_due(deadline)
        try:
            size = _READ_BYTES if self._incoming.large is None else READ_LARGE_BYTES
            data = self._transport.recv(size, wait)
        except TimeoutError:
            return self._on_silence(deadline)
        except Woken:
            self._on_woken()
        except OSError:
            self._lost()
        if not data:
            self._on_end()
        self._heard = self._ping_sent = 0.0
        self._incoming.add(data)
        return True

    def _on_end(self) -> NoReturn:
        """The stream has ended without a Close frame."""
        self._lost()

    def _on_woken(self) -> NoReturn:
        """Nothing is owed any more, and the server is going away (section 7.4.1)."""
        self.close(CloseReason.GOING_AWAY, "going away")
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
            self._write(self._protocol.send(Ping()))
        return deadline is None or deadline.left() > 0

    # -- Sending ---------------------------------------------------------------------------

    def send(self, data: Any) -> None:
        """Send one message, compressed if the message received last was.

        :param data: bytes-like for a binary message; anything else is sent as its text.
        :raises ConnectionClosed: when the connection is closed, or the peer has stopped reading.
        """
        if not self.connected:
            self._raise_closed()
        if not isinstance(data, _MESSAGE):
            data = bytes(data) if isinstance(data, (bytearray, memoryview)) else str(data)
        header, payload = frames.encode(data)
        size = len(payload)
        if self._incoming.compressed:
            header, payload = b"", self._protocol.send(OutgoingMessage(data=data))
        try:
            self._transport.send_frame(header, payload)
        except (SendTimeout, OSError) as error:
            self._unsent(error)
        self.sent_messages += 1
        self.sent_bytes += size

    def _write(self, data: bytes) -> None:
        try:
            self._transport.send(data)
        except (SendTimeout, OSError) as error:
            self._unsent(error)

    def _unsent(self, error: Exception) -> NoReturn:
        if isinstance(error, SendTimeout):
            # Nothing more gets through to this peer, a Close frame neither.
            self._closed(CloseReason.ABNORMAL_CLOSURE, "peer has stopped reading")
            self._transport.abort()
            self._let_go()
            self._raise_closed()
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

    def wake(self, grace: float | None = None) -> None:
        """Tell the owner that the server is going away; the one method for other threads.

        :param grace: seconds at most in which a peer that never pauses is still answered; half
            the close time-out if that is shorter.
        """
        self._transport.wake(grace)

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
            self._transport.heed_wake()
            with suppress(OSError, ConnectionClosed):
                self._read_until_close(Deadline(_LAST_LOOK_SECONDS))
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
        self._transport.heed_wake()
        try:
            self._transport.send_last(self._protocol.send(close), deadline)
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
        self._incoming.clear()

    def _read_until_close(self, deadline: Deadline) -> None:
        """Drop messages until the peer's Close frame or the end of the stream."""
        while True:
            while self._incoming.pending and self._peer_close is None:
                try:
                    item = self._incoming.next()
                except Unacceptable:
                    return  # We are going already; nothing can be said to it.
                if isinstance(item, Event):
                    self._on_control(item)
            if self._peer_close is not None:
                return
            data = self._transport.recv(READ_LARGE_BYTES, deadline.left())
            if not data:
                return
            self._incoming.add(data)
            deadline.check()
