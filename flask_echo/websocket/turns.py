"""Turns: a lock for the writing threads of one connection, in order of arrival.

:class:`threading.Lock` is not fair: a thread that sends in a loop takes it again before a waiting
thread has woken up. Here a thread that gives up its turn hands it to the one that waits longest.
"""

from threading import Lock

from flask_echo.websocket.transport import Deadline


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
        try:
            self.free.pop()
        except IndexError:
            return self.wait(deadline)
        return True

    def release(self) -> None:
        """Give up the turn."""
        self.free.append(None)
        if self.waiting:
            self.hand_over()

    def wait(self, deadline: Deadline | None = None) -> bool:
        """Wait for the turn that another thread has; return False if ``deadline`` comes first."""
        turn = Lock()
        turn.acquire()
        self.waiting.append(turn)
        self.hand_over()  # It may have become free before this thread was on the list.
        if turn.acquire(timeout=-1 if deadline is None else deadline.left()):
            return True
        try:
            self.waiting.remove(turn)
        except ValueError:  # It was handed over at the last moment.
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
