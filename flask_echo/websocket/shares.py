"""Shares: how many seats each client has, and which connection would give one up.

Nothing here is safe in several threads: :class:`flask_echo.websocket.seats.Seats` has the lock.
"""

import heapq
from typing import Protocol

# So many entries of the queue may be of connections that have left, beside as many as have not.
_SLACK = 16


class Occupant(Protocol):
    """A connection, as its seat sees it. Any thread may use these."""

    @property
    def last_message_at(self) -> float:
        """When the last message was sent or received, on the monotonic clock in seconds."""

    def wake(self, grace: float | None = None) -> None:
        """Note that the server is going away. This must neither block nor fail.

        :param grace: seconds during which input may still be answered.
        """

    def close(self, reason: int | None = None, message: str | None = None) -> None:
        """Ask the owning thread to close the connection. This must not block.

        :raises ConnectionClosed: if it is closed already.
        """

    def cut(self) -> None:
        """Reset the connection. This must neither block nor fail."""


class Seat:
    """The right to one connection, from before its upgrade until after its end.

    :param client: whose connection it is.
    :ivar occupant: the connection; None before it opens, and after it has left.
    """

    __slots__ = ("client", "occupant")

    def __init__(self, client: str) -> None:
        self.client = client
        self.occupant: Occupant | None = None


class Share:
    """The seats of one client.

    :ivar size: how many there are, those without a connection included.
    """

    __slots__ = ("_numbers", "_queue", "size")

    def __init__(self) -> None:
        self.size = 0
        # A heap of the seats with a connection, by the time of its last message as last seen. That
        # time only grows, so a seat is put right when it comes to the front. The number keeps two
        # seats from being compared.
        self._queue: list[tuple[float, int, Seat]] = []
        self._numbers = 0

    def __len__(self) -> int:
        """Return how many entries the queue has."""
        return len(self._queue)

    def add(self, seat: Seat, occupant: Occupant) -> None:
        """Note that ``seat`` has its connection."""
        seat.occupant = occupant
        self._numbers += 1
        heapq.heappush(self._queue, (occupant.last_message_at, self._numbers, seat))
        if len(self._queue) > 2 * self.size + _SLACK:
            self._queue = [entry for entry in self._queue if entry[2].occupant is not None]
            heapq.heapify(self._queue)

    def pop(self) -> Seat | None:
        """Return the seat whose connection has had no message for longest, once.

        None means that no seat of this client has a connection that was not returned before.
        """
        queue = self._queue
        while queue:
            seen, number, seat = queue[0]
            if seat.occupant is None:
                heapq.heappop(queue)
            elif (last := seat.occupant.last_message_at) > seen:
                heapq.heapreplace(queue, (last, number, seat))
            else:
                heapq.heappop(queue)
                return seat
        return None


class Shares:
    """The shares of all clients that have a seat."""

    def __init__(self) -> None:
        self._of: dict[str, Share] = {}
        # A seat more or less moves a client to the next group, so no search is needed. There are
        # at most as many groups as sizes that differ: 140 with 10,000 seats.
        self._by_size: dict[int, dict[str, Share]] = {}

    def size(self, client: str) -> int:
        """Return how many seats a client has."""
        share = self._of.get(client)
        return share.size if share is not None else 0

    def add(self, client: str) -> None:
        """Count one seat more for a client."""
        share = self._of.get(client)
        if share is None:
            share = self._of[client] = Share()
        self._resize(client, share, share.size + 1)

    def remove(self, client: str) -> None:
        """Count one seat less for a client."""
        share = self._of[client]
        self._resize(client, share, share.size - 1)
        if not share.size:
            del self._of[client]

    def _resize(self, client: str, share: Share, size: int) -> None:
        if share.size:
            group = self._by_size[share.size]
            del group[client]
            if not group:
                del self._by_size[share.size]
        share.size = size
        if size:
            self._by_size.setdefault(size, {})[client] = share

    def occupy(self, seat: Seat, occupant: Occupant) -> None:
        """Note that a seat has its connection."""
        self._of[seat.client].add(seat, occupant)

    def choose(self, size: int) -> Seat | None:
        """Return the seat that makes room for a client with ``size`` seats, or None.

        It is of the client that has the most, and has had so many for longest. If its connections
        are all about to open or to leave, the next client is asked. Each seat is returned once.
        """
        for most in sorted(self._by_size, reverse=True):
            if most <= size:
                return None
            for share in self._by_size[most].values():
                seat = share.pop()
                if seat is not None:
                    return seat
        return None
