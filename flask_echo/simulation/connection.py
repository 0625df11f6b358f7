"""A connection that misbehaves on demand."""

from typing import Any, NoReturn

from wsproto.frame_protocol import CloseReason

from flask_echo.websocket.connection import Connection
from flask_echo.websocket.endings import ABORTED, LOST, STUCK, Ending, ending
from flask_echo.websocket.frames import Message
from flask_echo.websocket.reading import READ_LARGE_BYTES
from flask_echo.websocket.transport import Deadline, Woken


class _Postponed(Exception):
    """The connection has to end, but a pause lasts: the replies that are due come first."""


class FaultyConnection(Connection):
    """A :class:`Connection` with pauses, silence and resets."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._pausing = False
        self._postponed: Ending | None = None

    def receive(self, timeout: float | None = None) -> Message | None:
        """Return the next message. Those that arrived during a pause come first."""
        if self._postponed is not None and not self._kept.messages:
            self._end(self._postponed)
        return super().receive(timeout)

    def _look(self, now: float) -> None:
        """Do nothing: the conversations of this class receive all the time."""

    def _end(self, how: Ending) -> NoReturn:
        if self._pausing and how is not STUCK:
            self._postponed = how
            raise _Postponed
        super()._end(how)

    def pause(self, seconds: float) -> bool:
        """Let time pass. Meanwhile pings are answered, and messages are kept.

        A peer that sends more than is kept is held back by TCP. Input after that is not looked at
        before the pause is over.

        :return: whether the time has passed. False means that the connection is ending: due
            replies can still be sent, and the end comes after them.
        :raises ConnectionClosed: if the connection is closed.
        """
        self._check_open()
        if self._postponed is not None:
            return False
        compressed = self._incoming.compressed  # Of the message that is to be answered.
        self._pausing = True
        try:
            return self._keep_until(Deadline(seconds))
        except _Postponed:
            return False
        finally:
            self._pausing = False
            self._incoming.compressed = compressed

    def _keep_until(self, deadline: Deadline) -> bool:
        while not self._kept.is_full:
            message = self._receive_new(deadline)
            if message is None:
                return True
            self._kept.add(message)
        return not self._transport.await_end(deadline)

    def _receive_new(self, deadline: Deadline) -> Message | None:
        """Receive a message that has not been kept."""
        kept = self._kept.take_all()
        count, self._count = self._count, None
        try:
            return super().receive(deadline.left())
        finally:
            self._kept.put_back(kept)
            self._count = count

    def ignore(self, seconds: float) -> None:
        """Read and drop input, and answer nothing: no ping, no Close frame.

        That lasts until the peer ends the stream, the server is going away, or the time is up. In
        the latter two cases the connection ends with a Close frame.

        :raises ConnectionClosed: at the end.
        """
        self._check_open()
        self._incoming.clear()
        deadline = Deadline(seconds)
        how = LOST
        try:
            while self._transport.recv(READ_LARGE_BYTES, deadline.left()):
                deadline.check()
        except TimeoutError:
            how = ending(CloseReason.NORMAL_CLOSURE)
        except Woken:
            how = ending(CloseReason.GOING_AWAY)
        except OSError:
            pass  # The peer has reset the connection.
        self._end(how)

    def abort(self) -> None:
        """Reset the connection (RST) without a Close frame, once everything sent has arrived.

        :raises ConnectionClosed: if the connection is closed.
        """
        self._check_open()
        self._transport.await_delivery(Deadline(self._close_timeout))
        self._transport.reset()
        self._finish(ABORTED)
