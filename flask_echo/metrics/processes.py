"""Which processes are there to write figures.

Each process has a number of its own, and holds a lock on the byte of that number in a common file.
The kernel releases the lock when the process ends, however it ends. A process id could not tell
that: another process may get it soon.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

# The byte of the process that changes the archive. Numbers of processes begin after it.
_ALONE = 0
# Two processes never choose the same number by chance, and it fits into an offset (64 bits).
_NUMBER_BITS = 62

# The kernel's locks keep out other processes only. These keep apart the threads and applications of
# this one.
_numbers_here: set[int] = set()
_threads = Lock()


class Processes:
    """The processes that share a folder, this one among them. Each application has a number.

    :param folder: the folder.
    :ivar number: that of this process.
    """

    def __init__(self, folder: str) -> None:
        # It stays open. To close any descriptor of this file would release the locks (fcntl(2)).
        self._file = os.open(os.path.join(folder, "processes"), os.O_RDWR | os.O_CREAT, 0o600)
        self.number = 1 + secrets.randbits(_NUMBER_BITS)
        self._try_lock(fcntl.LOCK_EX, self.number)
        _numbers_here.add(self.number)

    def lives(self, number: int) -> bool:
        """Return whether the process with this number exists. Any thread may ask, also at once."""
        if number in _numbers_here:
            return True
        # A shared lock: another process may ask at the same time.
        if not self._try_lock(fcntl.LOCK_SH, number):
            return True
        self._unlock(number)
        return False

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Keep all others out of this context. It is False, without waiting, if one is in it."""
        if not _threads.acquire(blocking=False):
            yield False
            return
        try:
            locked = self._try_lock(fcntl.LOCK_EX, _ALONE)
            try:
                yield locked
            finally:
                if locked:
                    self._unlock(_ALONE)
        finally:
            _threads.release()

    def _try_lock(self, kind: int, place: int) -> bool:
        try:
            fcntl.lockf(self._file, kind | fcntl.LOCK_NB, 1, place)
        except OSError:
            return False
        return True

    def _unlock(self, place: int) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)
