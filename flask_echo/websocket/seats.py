"""Seats: how many connections there may be, who has one, who gives one up, and the drain."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from time import monotonic
from typing import NamedTuple

from simple_websocket import ConnectionClosed
from wsproto.frame_protocol import CloseReason

from flask_echo.websocket.shares import Occupant, Seat, Shares

__all__ = ["NoSeat", "Occupancy", "Occupant", "Seat", "Seats"]

# A newcomer has its seat within a second. The closing handshake of the old connection may take
# this much of it; the slowest paths to a browser, over two satellites, take 1.2 s for a round trip.
EVICTION_SECONDS = 0.6

# An evicted connection has no seat any more, but its thread may still be busy. There may be so many
# of them at once, and then nobody is evicted. gunicorn_conf has twice as many threads to spare.
MOST_LEAVING = 512

_EVICTED = "all seats are taken and this client holds the most: another client needed one"


class NoSeat(Enum):
    """Why a client gets no seat."""

    FULL = "all seats are taken, or the server is stopping"
    SHARE = "the client has as many as it may have"


class Occupancy(NamedTuple):
    """A count of seats at one moment."""

    connections: int
    seats_taken: int
    capacity: int
    draining: bool


class _Eviction:
    """The end of a connection that gives its seat to another client.

    The lock keeps the connection from leaving while it is used: its descriptor could already belong
    to another connection.
    """

    def __init__(self, occupant: Occupant) -> None:
        self._occupant = occupant
        self._lock = threading.Lock()
        self._left = threading.Event()

    def carry_out(self) -> None:
        """Ask the connection to close, and wait until it has. Cut it if that takes too long.

        Its thread notices the cut if it waits for the peer. A handler that does something else
        keeps its thread, and notices later.
        """
        self._unless_left(lambda: self._occupant.close(CloseReason.TRY_AGAIN_LATER, _EVICTED))
        if not self._left.wait(EVICTION_SECONDS):
            self._unless_left(self._occupant.cut)

    def _unless_left(self, act: Callable[[], object]) -> None:
        with self._lock, suppress(ConnectionClosed):
            if not self._left.is_set():
                act()

    def leave(self) -> None:
        """Note that the owning thread leaves."""
        with self._lock:
            self._left.set()


class Seats:
    """The seats of one application in one worker process. All methods are safe in all threads.

    :param capacity: how many connections there may be at once.
    :ivar capacity: the same; it may change while connections are open.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._lock = threading.Lock()
        self._taken: set[Seat] = set()
        self._shares = Shares()
        # Evicted, but their threads are still there.
        self._leaving: dict[Seat, _Eviction] = {}
        self._draining = self._refusing = False
        self._grace: float | None = None
        # Whose turn to be woken comes when; the next one first.
        self._turns: deque[tuple[float, Seat]] = deque()

    @contextmanager
    def take(self, client: str = "", most: int = 0) -> Iterator[Seat | NoSeat]:
        """Take a seat while the context lasts.

        If none is free, another client that has more seats than this one gives one up. That takes
        less than a second.

        :param client: who takes it; see :func:`flask_echo.websocket.clients.client_of`.
        :param most: how many seats a client may have; 0 allows all.
        """
        with self._lock:
            seat, eviction = self._admit(client, most)
        if not isinstance(seat, Seat):
            yield seat
            return
        try:
            if eviction is not None:
                eviction.carry_out()
            yield NoSeat.FULL if eviction is not None and self._refusing else seat
        finally:
            self._leave(seat)

    def _admit(self, client: str, most: int) -> tuple[Seat | NoSeat, _Eviction | None]:
        """Give ``client`` a seat, and return who has to leave for it. The caller has the lock."""
        held = self._shares.size(client)
        if self._refusing:
            return NoSeat.FULL, None
        if most and held >= most:
            return NoSeat.SHARE, None
        eviction = None
        if len(self._taken) >= self.capacity:
            eviction = self._evict(held)
            if eviction is None:
                return NoSeat.FULL, None
        seat = Seat(client)
        self._taken.add(seat)
        self._shares.add(client)
        return seat, eviction

    def _evict(self, held: int) -> _Eviction | None:
        """Take a seat from the client that has the most, if those are more than ``held``.

        The seat changes hands at once in the books. So each newcomer that comes meanwhile gets
        another one's, and a connection that leaves by itself saves nobody else's.
        """
        if len(self._leaving) >= MOST_LEAVING:
            return None
        old = self._shares.choose(held)
        if old is None or old.occupant is None:
            return None
        self._taken.remove(old)
        self._shares.remove(old.client)
        eviction = self._leaving[old] = _Eviction(old.occupant)
        return eviction

    def _leave(self, seat: Seat) -> None:
        with self._lock:
            seat.occupant = None
            eviction = self._leaving.pop(seat, None)
            if eviction is None:
                self._taken.remove(seat)
                self._shares.remove(seat.client)
        if eviction is not None:
            eviction.leave()

    def occupy(self, seat: Seat, occupant: Occupant) -> None:
        """Register the connection on ``seat``. A drain wakes it; one that has begun, at once."""
        with self._lock:
            self._shares.occupy(seat, occupant)
            if self._refusing:
                occupant.wake(self._grace)

    def announce_drain(self) -> None:
        """Say in :meth:`occupancy` that a drain is about to come. Nothing else changes."""
        with self._lock:
            self._draining = True

    def drain(self, grace: float | None = None, spread: float = 0.0) -> None:
        """Refuse new connections, and give each open one its turn to be woken.

        The turns are evenly spread. :meth:`wake_due` wakes those whose turn has come, and this
        method wakes the first. A second call gives all of them new turns.

        :param grace: seconds during which the input of a woken connection may still be answered.
        :param spread: seconds over which the turns are spread; with 0, this wakes all.
        """
        with self._lock:
            self._draining = self._refusing = True
            self._grace = grace
            open_now = [seat for seat in self._taken if seat.occupant is not None]
            interval = spread / max(1, len(open_now))
            began = monotonic()
            self._turns = deque(
                (began + interval * place, seat) for place, seat in enumerate(open_now)
            )
        self.wake_due()

    def wake_due(self) -> bool:
        """Wake the connections whose turn has come. Return whether others still wait for theirs."""
        # Waking happens under the lock, so that no connection leaves meanwhile: its descriptor
        # could already belong to another connection.
        with self._lock:
            now = monotonic()
            while self._turns and self._turns[0][0] <= now:
                occupant = self._turns.popleft()[1].occupant
                if occupant is not None:
                    occupant.wake(self._grace)
            return any(seat.occupant is not None for _, seat in self._turns)

    @property
    def refusing(self) -> bool:
        """Whether a drain goes on, and nobody gets a seat any more."""
        return self._refusing

    def occupancy(self) -> Occupancy:
        """Count the open connections and the seats."""
        with self._lock:
            open_now = sum(seat.occupant is not None for seat in self._taken)
            return Occupancy(open_now, len(self._taken), self.capacity, self._draining)
