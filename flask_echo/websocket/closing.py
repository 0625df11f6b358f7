"""The closing handshake: the last frames of a connection (RFC 6455, section 7)."""

from collections.abc import Callable
from contextlib import suppress

from flask_echo.websocket.control import Close
from flask_echo.websocket.endings import LOST, STUCK, Ending
from flask_echo.websocket.frames import Message
from flask_echo.websocket.incoming import Incoming
from flask_echo.websocket.lifecycle import Lifecycle
from flask_echo.websocket.transport import Deadline, SendTimeout, Transport
from flask_echo.websocket.transport.base import DISCARD_BYTES
from flask_echo.websocket.turns import Turns
from flask_echo.websocket.verdicts import Unacceptable

# Time to read the rest of a broken stream. It has arrived already, so this rarely matters.
_LAST_LOOK_SECONDS = 0.1


class ClosingHandshake:
    """The last frames of a connection. Only its owner may use it."""

    def __init__(
        self, transport: Transport, turns: Turns, incoming: Incoming, lifecycle: Lifecycle
    ) -> None:
        self._transport = transport
        self._turns = turns
        self._incoming = incoming
        self._lifecycle = lifecycle
        self._sent = False

    def carry_out(self, how: Ending, keep: Callable[[Message], object], seconds: float) -> None:
        """Send and receive what is left to send and receive.

        :param keep: is called with each message that had arrived before the stream broke.
        :param seconds: the close time-out.
        """
        if how.close is not None:
            self._say_goodbye(how.close, how.await_close, Deadline(seconds))
            if self._sent:
                self._lifecycle.note_first_close("server", how.close)
        elif how is LOST:
            if (close := self._find_last_close(keep)) is not None:
                self._lifecycle.note_last_close(close)
        elif how is STUCK:
            if (close := self._find_last_close(keep)) is not None:
                self._lifecycle.note_first_close("client", close)
            self._transport.abort()

    def _say_goodbye(self, close: Close, await_close: bool, deadline: Deadline) -> None:
        """Send the Close frame and see the stream end, all before one deadline.

        1. Wait for a thread that is sending: a frame cannot start within another.
        2. Send the Close frame (section 5.5.1).
        3. Wait for the peer's, unless it came first (7.1.2). Nothing may follow it (5.5.1).
        4. End our side first, as a server should (7.1.1).
        5. Read to the end of the stream. Closing a socket with unread input resets the connection,
           and the reset can overtake the Close frame.

        :param await_close: whether to wait for the peer's Close frame.
        """
        is_answer = self._lifecycle.first_close is not None
        self._transport.heed_wake()
        try:
            self._send(close, deadline)
            if await_close and not is_answer:
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
            self._sent = True
        finally:
            self._turns.release()

    def _find_last_close(self, keep: Callable[[Message], object]) -> Close | None:
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
                    del item  # Its memory is charged as long as anybody refers to it.
                    self._incoming.drop_delivered()
            data = self._transport.recv(DISCARD_BYTES, deadline.left())
            if not data:
                return None
            self._incoming.add(data)
            deadline.check()
