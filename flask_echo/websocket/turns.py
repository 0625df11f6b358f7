"""Turns: a lock for the writing threads of one connection, in order of arrival.

:class:`threading.Lock` is not fair: a thread that sends in a loop takes it again before a waiting
thread has woken up. Here a thread that gives up its turn hands it to the one that waits longest.
"""

from collections.abc import Callable
from threading import Lock

from flask_echo.websocket.transport import Deadline

# How often a waiting thread asks whether it should give up.
_ASK_SECONDS = 0.1


class Turns:
    """A fair lock. A list of one token is faster than a :class:`threading.Lock`: its methods are
    atomic (Python FAQ, "What kinds of global value mutation are thread-safe?").

    Where each nanosecond counts, a caller may inline :meth:`acquire` and :meth:`release`.

    :ivar free: holds one token while nobody has the turn.
    :ivar waiting: a lock for each waiting thread, in order of arrival.
    """

    __slots__ = ("free", "waiting")

    def __init__(self) -> None:
        self.free: list[None] = [None]
        self.waiting: list[Lock] = []

    def acquire(self, deadline: Deadline | None = None) -> bool:
        """Wait for the turn; return False if ``deadline`` comes first."""
        return self.try_acquire() or self.wait(deadline)

    def try_acquire(self) -> bool:
        """Take the turn if it is free."""
        try:
            self.free.pop()
        except IndexError:
            return False
        return True

    def release(self) -> None:
        """Give up the turn."""
        self.free.append(None)
        if self.waiting:
            self.hand_over()

    def wait(
        self, deadline: Deadline | None = None, give_up: Callable[[], bool] = lambda: False
    ) -> bool:
        """Wait for the turn that another thread has.

        :param give_up: is asked ten times a second.
        :return: False if ``deadline`` comes first, or ``give_up`` says so.
        """
        turn = Lock()
        turn.acquire()
        self.waiting.append(turn)
        try:
            self.hand_over()  # It may have become free before this thread was on the list.
            while not turn.acquire(timeout=_ASK_SECONDS):
                if give_up() or (deadline is not None and not deadline.left()):
                    return self._leave(turn)
        except BaseException:
            if self._leave(turn):
                self.release()
            raise
        return True

    def _leave(self, turn: Lock) -> bool:
        """Leave the queue; return True if the turn was handed over at the last moment."""
        try:
            self.waiting.remove(turn)
        except ValueError:
            return True
        return False

    def hand_over(self) -> None:
        """Pass a free turn to the thread that has waited longest."""
        while self.waiting:
            try:
                self.free.pop()
            except IndexError:
                return  # Its new owner will hand it over.
            try:
                self.waiting.pop(0).release()
            except IndexError:  # That thread has given up.
                self.free.append(None)
            else:
                return
