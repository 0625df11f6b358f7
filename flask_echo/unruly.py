"""A connection that can misbehave on demand, for clients that want to see how they take it."""

from collections import deque
from typing import Any, NoReturn

from wsproto.events import CloseConnection
from wsproto.frame_protocol import CloseReason

from flask_echo.connection import READ_LARGE_BYTES, Connection
from flask_echo.frames import Message
from flask_echo.transport import Deadline, Woken

# How much is kept of what arrives during a pause, before the peer is held back; and one message
# of any size.
_KEEP_MESSAGES = 1000
_KEEP_BYTES = 64 * 1024


class UnrulyConnection(Connection):
    """A :class:`Connection` with the verbs of a rehearsal."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # Messages that came during a pause, and whether there is one.
        self._kept: deque[Message] = deque()
        self._kept_bytes = 0
        self._pausing = False

    def receive(self, timeout: float | None = None) -> Message | None:
        """Return the next message, those first that came during a pause."""
        if self._kept and self.connected:
            return self._take_kept()
        return super().receive(timeout)

    def _take_kept(self) -> Message:
        message = self._kept.popleft()
        self._kept_bytes -= len(message)
        return message

    def _on_woken(self) -> NoReturn:
        if self._pausing:
            raise Woken  # Something is owed still.
        super()._on_woken()

    def pause(self, seconds: float) -> bool:
        """Let time pass. Pings and closes are answered meanwhile; messages are kept.

        A peer that sends more than is kept is held back by TCP, and what comes after that is
        not looked at before the pause is over.

        :return: whether the time has passed; False when the server is going away or the peer
            has ended the stream, so that what is still owed should be sent at once.
        :raises ConnectionClosed: when the connection has ended meanwhile.
        """
        if not self.connected:
            self._raise_closed()
        deadline = Deadline(seconds)
        self._pausing = True
        try:
            while len(self._kept) < _KEEP_MESSAGES and self._kept_bytes < _KEEP_BYTES:
                message = super().receive(deadline.left())
                if message is None:
                    return True
                self._kept.append(message)
                self._kept_bytes += len(message)
        except Woken:
            return False
        finally:
            self._pausing = False
        return not self._transport.await_end(deadline)

    def ignore(self, seconds: float) -> None:
        """Read without looking and answer nothing, no ping and no Close frame.

        That ends when the peer has ended the stream, when the server is going away, or when the
        time is up, and with it the connection: with a Close frame in the latter two cases.

        :param seconds: how long at most.
        :raises ConnectionClosed: in the end.
        """
        if not self.connected:
            self._raise_closed()
        self._incoming.clear()
        self._kept.clear()
        deadline = Deadline(seconds)
        code = CloseReason.ABNORMAL_CLOSURE
        try:
            while self._transport.recv(READ_LARGE_BYTES, deadline.left()):
                deadline.check()
        except TimeoutError:
            code = CloseReason.NORMAL_CLOSURE
        except Woken:
            code = CloseReason.GOING_AWAY
        except OSError:
            pass  # A reset; the end as well.
        self._closed(code, None)
        if code is CloseReason.ABNORMAL_CLOSURE:
            self._let_go()
        else:
            self._say_goodbye(CloseConnection(code), await_close=False)
        self._raise_closed()

    def abort(self) -> None:
        """Reset the connection (RST): no Close frame, and what the peer has not read is lost.

        :raises ConnectionClosed: when it is closed already.
        """
        if not self.connected:
            self._raise_closed()
        self._closed(CloseReason.ABNORMAL_CLOSURE, "reset")
        self._transport.reset()
        self._let_go()
