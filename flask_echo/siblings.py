"""Which workers of one master serve, or soon will: one byte of shared memory for each.

A worker that stops asks whether others serve. During a reload (SIGHUP) new workers do, and the
listening sockets are left to them. When the master stops, every worker does, and pages are served
until the last WebSocket has ended.

gunicorn's master imports this module; see :mod:`flask_echo.worker`.
"""

import mmap
import os

# The first place is for another master. Two workers that share a place were started 4,095 apart.
_PLACES = mmap.PAGESIZE
_OTHER_MASTER = 0


class Siblings:
    """The workers of a master. The master makes one object before it forks the first worker."""

    def __init__(self) -> None:
        self._master = os.getpid()
        self._serving = mmap.mmap(-1, _PLACES)  # anonymous, and shared with child processes

    def expect(self, age: int) -> None:
        """Count a worker as serving. The master calls this before the fork.

        :param age: gunicorn's number of the worker.
        """
        self._serving[_place(age)] = 1

    def leave(self, age: int) -> None:
        """Count a worker as serving no longer."""
        self._serving[_place(age)] = 0

    def bury(self, age: int) -> None:
        """Do the same in the master, after the worker has ended. Do nothing in other workers."""
        if os.getpid() == self._master:
            self.leave(age)

    def hand_over(self) -> None:
        """Count the workers of another master as serving. A child of this master calls this."""
        self._serving[_OTHER_MASTER] = 1

    def any_serves(self) -> bool:
        """Whether at least one worker serves, or starts."""
        return self._serving.find(b"\1") >= 0


def _place(age: int) -> int:
    return 1 + age % (_PLACES - 1)
