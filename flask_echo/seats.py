"""Who is connected, how many more may come, and when everybody has to go."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol


class Wakeable(Protocol):
    """What sits on a seat."""

    def wake(self, grace: float | None = None) -> None:
        """Take notice that the server is going away; must neither block nor fail.

        :param grace: seconds at most in which input is still answered.
        """


class Occupancy(NamedTuple):
    """A count of the seats of one worker at one moment."""

    connections: int
    seats_taken: int
    capacity: int
    draining: bool


class Seat:
    """The right to one connection, from before its upgrade until after its end."""

    def __init__(self, seats: "Seats") -> None:
        self._seats = seats

    def occupy(self, occupant: Wakeable) -> None:
        """Say who sits here, to be woken when the worker drains; at once if it drains already."""
        self._seats._occupy(self, occupant)

    def wake_fd(self) -> int:
        """Return a descriptor that is readable for good once the worker drains."""
        return self._seats._wake_fd()


class Seats:
    """The seats of one application in one worker process; safe to use from all threads.

    :param capacity: how many connections there may be at once.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._taken: dict[Seat, Wakeable | None] = {}
        self._draining = False
        self._grace: float | None = None
        self._wake_pipe: tuple[int, int] | None = None

    @contextmanager
    def take(self) -> Iterator[Seat | None]:
        """Take a seat for as long as the context lasts; None when full or draining."""
        seat = Seat(self)
        with self._lock:
            admitted = not self._draining and len(self._taken) < self._capacity
            if admitted:
                self._taken[seat] = None
        try:
            yield seat if admitted else None
        finally:
            with self._lock:
                self._taken.pop(seat, None)

    def _occupy(self, seat: Seat, occupant: Wakeable) -> None:
        with self._lock:
            self._taken[seat] = occupant
            if self._draining:
                occupant.wake(self._grace)

    def drain(self, grace: float | None = None) -> None:
        """Admit nobody any more, and wake everybody.

        :param grace: seconds at most in which their input is still answered.
        """
        # The lock is held while waking: nobody leaves, so no descriptor is closed (and its
        # number given to somebody else) between the look and the wake.
        with self._lock:
            self._draining, self._grace = True, grace
            for occupant in self._taken.values():
                if occupant is not None:
                    occupant.wake(grace)
            if self._wake_pipe is not None:
                os.write(self._wake_pipe[1], b"\0")

    def _wake_fd(self) -> int:
        # Made when first asked for, so that processes forked before do not share one.
        with self._lock:
            if self._wake_pipe is None:
                self._wake_pipe = os.pipe()
                if self._draining:
                    os.write(self._wake_pipe[1], b"\0")
            return self._wake_pipe[0]

    def occupancy(self) -> Occupancy:
        """Count the connections that are open, and the seats."""
        with self._lock:
            open_now = sum(occupant is not None for occupant in self._taken.values())
            return Occupancy(open_now, len(self._taken), self._capacity, self._draining)
