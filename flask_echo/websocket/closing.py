"""The end of a connection: states, endings, and the closing handshake (RFC 6455, section 7)."""

from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import NamedTuple

from wsproto.frame_protocol import CloseReason

from flask_echo.websocket.control import Close
from flask_echo.websocket.frames import Message
from flask_echo.websocket.incoming import Incoming
from flask_echo.websocket.transport import Deadline, SendTimeout, Transport
from flask_echo.websocket.transport.base import DISCARD_BYTES
from flask_echo.websocket.turns import Turns
from flask_echo.websocket.verdicts import Unacceptable

# Read size for a large message.
READ_LARGE_BYTES = 64 * 1024

# Time to read the rest of a broken stream. It has arrived already, so this rarely matters.
_LAST_LOOK_SECONDS = 0.1


class State(Enum):
    """The state of a connection (RFC 6455, sections 4.1 and 7.1; the same names as in browsers)."""

    CONNECTING = "connecting"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


class Ending(NamedTuple):
    """How a connection ends.

    :ivar code: the status code for the handler and the log.
    :ivar reason: the reason for the handler and the log.
    :ivar close: the Close frame to send; None if the stream cannot carry it any more.
    :ivar await_close: whether to wait for the peer's Close frame.
    """

    code: int
    reason: str | None = None
    close: Close | None = None
    await_close: bool = False


class FirstClose(NamedTuple):
    """The first Close frame of a connection, as the server saw it.

    :ivar sender: ``client`` or ``server``.
    :ivar code: its status code; 1005 for none.
    """

    sender: str
    code: int


# The stream broke, or ended without a Close frame (section 7.1.5).
LOST = Ending(CloseReason.ABNORMAL_CLOSURE)
# The owner has reset the connection.
ABORTED = Ending(CloseReason.ABNORMAL_CLOSURE, "reset")
# Nothing more gets through to this peer, not even a Close frame.
STUCK = Ending(CloseReason.ABNORMAL_CLOSURE, "peer has stopped reading")

# The peer has not answered a ping. simple-websocket uses this reason, with the code 1008.
PING_TIMEOUT_REASON = "Ping/Pong timeout"


def ending(code: int, reason: str | None = None, await_close: bool = False) -> Ending:
    """Return the ending that sends a Close frame with ``code`` and ``reason``."""
    return Ending(code, reason, Close(code, reason), await_close)


class ClosingHandshake:
    """The last frames of a connection. Only its owner may use it.

    :ivar sent: whether our Close frame was sent.
    """

    def __init__(self, transport: Transport, turns: Turns, incoming: Incoming) -> None:
        self._transport = transport
        self._turns = turns
        self._incoming = incoming
        self.sent = False

    def say_goodbye(
        self, close: Close, await_close: bool, is_answer: bool, deadline: Deadline
    ) -> None:
        """Send the Close frame and see the stream end, all before one deadline.

        1. Wait for a thread that is sending: a frame cannot start within another.
        2. Send the Close frame (section 5.5.1).
        3. Wait for the peer's, unless it came first (7.1.2).
        4. End our side first, as a server should (7.1.1).
        5. Read to the end of the stream. Closing a socket with unread input resets the connection,
           and the reset can overtake the Close frame.

        :param await_close: whether to wait for the peer's Close frame.
        :param is_answer: whether the peer's Close frame came first. Nothing may follow it (5.5.1).
        """
        self._transport.heed_wake()
        try:
            self._send(close, deadline)
            if await_close:
                self._read_until_close(deadline)
            self._transport.shut_write()
            if is_answer:
                self._transport.discard_after_close(deadline)
            else:
                self._transport.discard(deadline)
        except SendTimeout:
            self._transport.abort()
        except OSError:
            pass  # Time is up, or the peer is gone.

    def _send(self, close: Close, deadline: Deadline) -> None:
        if not self._turns.acquire(deadline):
            raise SendTimeout
        try:
            self._transport.send_by(close.frame(), deadline)
            self.sent = True
        finally:
            self._turns.release()

    def find_last_close(self, keep: Callable[[Message], object]) -> Close | None:
        """After the stream broke, return a Close frame that had arrived before.

        :param keep: is called with each message before it.
        """
        self._transport.heed_wake()
        with suppress(OSError):
            return self._read_until_close(Deadline(_LAST_LOOK_SECONDS), keep)
        return None

    def _read_until_close(
        self, deadline: Deadline, keep: Callable[[Message], object] = lambda message: None
    ) -> Close | None:
        """Read until the peer's Close frame; return None at the end of the stream."""
        while True:
            while self._incoming.pending:
                try:
                    item = self._incoming.next()
                except Unacceptable:
                    return None  # We are closing already, so there is nothing more to say.
                if isinstance(item, Close):
                    return item
                if isinstance(item, str | bytes):
                    keep(item)
            data = self._transport.recv(DISCARD_BYTES, deadline.left())
            if not data:
                return None
            self._incoming.add(data)
            deadline.check()
