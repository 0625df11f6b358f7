"""A connection that can misbehave on demand, for clients that want to see how they take it."""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

from wsproto.events import CloseConnection
from wsproto.frame_protocol import CloseReason

from flask_echo.connection import READ_LARGE_BYTES, Connection
from flask_echo.frames import Message
from flask_echo.transport import Deadline, Woken

# How much is kept of what arrives during a pause, before the peer is held back; and one message
# of any size.
_KEEP_MESSAGES = 1000
_KEEP_SIZE = 64 * 1024  # bytes and characters


class _PutOff(Exception):
    """The connection is to end, but a pause is on: first, what is owed is to be sent."""


class UnrulyConnection(Connection):
    """A :class:`Connection` with the verbs of a rehearsal."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # Messages that came during a pause, each with whether it was compressed.
        self._kept: deque[tuple[Message, bool]] = deque()
        self._kept_size = 0
        self._pausing = False
        self._end: Callable[[], object] | None = None  # What came after them.

    def receive(self, timeout: float | None = None) -> Message | None:
        """Return the next message, those first that came during a pause."""
        if self.connected and not self._pausing:
            if self._kept:
                return self._take_kept()
            if self._end is not None:
                self._end()
        return super().receive(timeout)

    def _keep(self, message: Message) -> None:
        self._kept.append((message, self._incoming.compressed))
        self._kept_size += len(message)

    def _take_kept(self) -> Message:
        message, self._incoming.compressed = self._kept.popleft()
        self._kept_size -= len(message)
        return message

    # -- During a pause the end of the connection waits for what is owed before it ------------

    def _put_off(self, end: Callable[[], object]) -> NoReturn:
        self._end = end
        raise _PutOff

    def _on_woken(self) -> NoReturn:
        if self._pausing:
            self._put_off(super()._on_woken)
        super()._on_woken()

    def _on_close(self, event: CloseConnection) -> None:
        if self._pausing:
            self._put_off(partial(super()._on_close, event))
        super()._on_close(event)

    def _on_end(self) -> NoReturn:
        if self._pausing:
            self._put_off(super()._on_end)
        super()._on_end()

    def _fail(self, code: int, message: str | None) -> NoReturn:
        if self._pausing:
            self._put_off(partial(super()._fail, code, message))
        super()._fail(code, message)

    # -- The verbs -------------------------------------------------------------------------------

    def pause(self, seconds: float) -> bool:
        """Let time pass. Pings are answered meanwhile, and messages are kept.

        A peer that sends more than is kept is held back by TCP, and what comes after that is
        not looked at before the pause is over.

        :return: whether the time has passed; False when the connection is about to end, so
            that what is still owed should be sent at once. The end comes after that.
        :raises ConnectionClosed: when the connection is closed or broken.
        """
        if not self.connected:
            self._raise_closed()
        if self._end is not None:
            return False
        deadline = Deadline(seconds)
        compressed = self._incoming.compressed  # Of the message that is to be answered.
        self._pausing = True
        try:
            return self._keep_until(deadline)
        except _PutOff:
            return False
        finally:
            self._pausing = False
            self._incoming.compressed = compressed

    def _keep_until(self, deadline: Deadline) -> bool:
        while len(self._kept) < _KEEP_MESSAGES and self._kept_size < _KEEP_SIZE:
            message = self.receive(deadline.left())
            if message is None:
                return True
            self._keep(message)
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
        """Reset the connection (RST) once what was sent has arrived: no Close frame.

        A peer that does not take it within the close time-out loses it.

        :raises ConnectionClosed: when it is closed already.
        """
        if not self.connected:
            self._raise_closed()
        self._closed(CloseReason.ABNORMAL_CLOSURE, "reset")
        self._transport.await_delivery(Deadline(self._settings.close_timeout_seconds))
        self._transport.reset()
        self._let_go()
