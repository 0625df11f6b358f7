"""What the processes of one gunicorn know of each other: one byte of shared memory for each worker.

A worker that stops asks two questions. Do others serve? During a reload (SIGHUP) new workers do,
and the listening sockets are left to them. When the master stops, nobody does, and pages are served
until the last WebSocket has ended. The other question is who has stopped it: the master says so
before its signal (:mod:`flask_echo.retirement`).

gunicorn's master imports this module; see :mod:`flask_echo.worker`.
"""

import mmap
import os
from functools import cache

# A byte is one of these, or the number of the signal with which the master stops the worker.
_GONE, _SERVING = 0, 1
_STOPPING = 2

# The first place is for another master, the second for this one. Two workers that share a place
# were started 4,094 apart.
_OTHER_MASTER, _MASTER, _FIRST_WORKER = 0, 1, 2
_PLACES = mmap.PAGESIZE


class Siblings:
    """The workers of a master. The master makes one object before it forks the first worker.

    :ivar are_told: whether the master tells its workers why they stop.
    """

    def __init__(self) -> None:
        self.are_told = False
        self._master = os.getpid()
        self._places = mmap.mmap(-1, _PLACES)  # anonymous, and shared with child processes

    def expect(self, age: int) -> None:
        """Count a worker as serving. The master calls this before the fork.

        :param age: gunicorn's number of the worker.
        """
        self._places[_place(age)] = _SERVING

    def leave(self, age: int) -> None:
        """Count a worker as serving no longer."""
        self._places[_place(age)] = _GONE

    def bury(self, age: int) -> None:
        """Do the same in the master, after the worker has ended. Do nothing in other workers."""
        if os.getpid() == self._master:
            self.leave(age)

    def retire(self, age: int, sig: int) -> None:
        """Note that the master stops a worker with ``sig``. The master calls this before that."""
        self._places[_place(age)] = sig

    def signal_to(self, age: int) -> int:
        """Return the signal with which the master stops a worker that has not left yet; else 0."""
        sig = self._places[_place(age)]
        return sig if sig > _STOPPING else 0

    def stop_all(self) -> None:
        """Note that the master stops every worker; :meth:`hand_over` may come after it."""
        self._places[:] = bytes(_PLACES)
        self._places[_MASTER] = _STOPPING

    def all_stop(self) -> bool:
        """Return whether the master stops every worker."""
        return self._places[_MASTER] == _STOPPING

    def hand_over(self) -> None:
        """Count the workers of another master as serving.

        It is one that replaces this one, one that this one was to replace, or the next one on a
        socket that systemd keeps.
        """
        self._places[_OTHER_MASTER] = _SERVING

    def take_back(self) -> None:
        """Count the workers of another master no longer: it has not started, or has ended."""
        self._places[_OTHER_MASTER] = _GONE

    def any_serves(self) -> bool:
        """Whether at least one worker serves, or starts."""
        return self._places.find(bytes([_SERVING])) >= 0


@cache
def siblings_of_this_master() -> Siblings:
    """Return the memory that this process shares with the workers that it forks from now on."""
    return Siblings()


def _place(age: int) -> int:
    return _FIRST_WORKER + age % (_PLACES - _FIRST_WORKER)
