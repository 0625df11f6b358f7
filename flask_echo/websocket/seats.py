"""Seats: how many connections there may be, who has one, and the drain."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol


class Occupant(Protocol):
    """A connection, as its seat sees it."""

    def wake(self, grace: float | None = None) -> None:
        """Note that the server is going away. This must neither block nor fail.

        :param grace: seconds during which input may still be answered.
        """


class Occupancy(NamedTuple):
    """A count of seats at one moment."""

    connections: int
    seats_taken: int
    capacity: int
    draining: bool


class Seat:
    """The right to one connection, from before its upgrade until after its end."""


class Seats:
    """The seats of one application in one worker process. All methods are safe in all threads.

    :param capacity: how many connections there may be at once.
    :ivar capacity: the same; it may change while connections are open.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._lock = threading.Lock()
        self._taken: dict[Seat, Occupant | None] = {}
        self._draining = False
        self._grace: float | None = None

    @contextmanager
    def take(self) -> Iterator[Seat | None]:
        """Take a seat while the context lasts. It is None if all are taken, or in a drain."""
        seat = Seat()
        with self._lock:
            admitted = not self._draining and len(self._taken) < self.capacity
            if admitted:
                self._taken[seat] = None
        try:
            yield seat if admitted else None
        finally:
            with self._lock:
                self._taken.pop(seat, None)

    def occupy(self, seat: Seat, occupant: Occupant) -> None:
        """Register the connection on ``seat``. A drain wakes it; one that has begun, at once."""
        with self._lock:
            self._taken[seat] = occupant
            if self._draining:
                occupant.wake(self._grace)

    def drain(self, grace: float | None = None) -> None:
        """Refuse new connections, and wake those that are open.

        :param grace: seconds during which their input may still be answered.
        """
        # Waking happens under the lock, so that no connection leaves meanwhile: its descriptor
        # could already belong to another connection.
        with self._lock:
            self._draining, self._grace = True, grace
            for occupant in self._taken.values():
                if occupant is not None:
                    occupant.wake(grace)

    def occupancy(self) -> Occupancy:
        """Count the open connections and the seats."""
        with self._lock:
            open_now = sum(occupant is not None for occupant in self._taken.values())
            return Occupancy(open_now, len(self._taken), self.capacity, self._draining)
