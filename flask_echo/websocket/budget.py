"""How much memory messages may take: a budget for each worker, an account for each connection.

The budget counts messages under way, messages that a handler has got, and replies that the peer
has not taken, with Python's representation and the copies that this library makes. It does not
count the first :data:`FREE_BYTES` of a connection, so that nobody waits because of small messages.
"""

from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from sys import getrefcount, getsizeof
from threading import Lock
from time import monotonic
from typing import NamedTuple

from flask_echo.websocket.frames import Message
from flask_echo.websocket.limits import Limits
from flask_echo.websocket.resources import (
    IDLE_CONNECTION_BYTES,
    IDLE_TLS_CONNECTION_BYTES,
    memory_bytes,
)

# A connection that holds no more than this never waits.
FREE_BYTES = 64 * 1024

# Messages up to this length, in bytes or characters, are not counted at all, so that a small one
# costs no time.
UNCOUNTED_LENGTH = 4 * 1024

# A connection that would exceed the budget waits this long at most.
WAIT_SECONDS = 2.0

# How many threads may inflate, decode, deflate or encode something large at once. More of them
# would not be faster: all but the work of zlib needs the GIL.
_LARGE_WORK_AT_ONCE = 2


# What a worker takes before the first connection, and its share of the master, with a reserve.
_WORKER_BYTES = 80 * 2**20
# What a connection takes beside its idle state: what nobody counts, and the buffer of a read.
_BUSY_BYTES = FREE_BYTES + 64 * 1024
# The windows and tables of zlib for both directions, and the history for a new window.
_COMPRESSION_BYTES = 120 * 1024
# The other half is for the buffers of the kernel, for memory that Python cannot return at once, and
# for the application.
_SHARE = 2
# Enough for some large messages where memory is short.
_LEAST_BYTES = 8 * 2**20


def default_budget(limits: Limits, sharers: int, tls: bool = False) -> int:
    """Return the budget in bytes for each of ``sharers`` workers, from the memory that exists.

    :param limits: for the number of seats, and for compression.
    :param tls: whether connections use TLS.
    """
    mine = memory_bytes() // sharers
    seat = _BUSY_BYTES + (IDLE_TLS_CONNECTION_BYTES if tls else IDLE_CONNECTION_BYTES)
    seat += _COMPRESSION_BYTES if limits.compression else 0
    rest = mine - _WORKER_BYTES - limits.max_connections * seat
    return max(rest // _SHARE, _LEAST_BYTES, limits.max_message_bytes)


# A handler has up to two large messages: the variable of its loop keeps the last one, until
# `receive` returns the next.
_MOST_LENT = 2
# That of the account, and the argument of the function that counts.
_OWN_REFERENCES = 2


class OverBudget(Exception):
    """There is no room in the budget. The text is a reason for a Close frame."""


class _Waiting(NamedTuple):
    """A thread that waits for bytes.

    :ivar number: by order of arrival.
    :ivar size: how many bytes it wants.
    :ivar own: how many bytes its connection holds already.
    :ivar turn: a lock that is released when it gets them.
    """

    number: int
    size: int
    own: int
    turn: Lock


class Budget:
    """Bytes that the connections of one worker may hold together. Any thread may use it.

    The connections of one client may hold at most as much as they leave free, so one client gets
    half of the budget, two get a third each, and so on. Buffers of switches are shared by the same
    rule: Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet switches",
    1998. One connection alone may hold all that is free.

    :param size: the budget in bytes. It may change at any time.
    :ivar used: how many of them are taken.
    :ivar freed: how many were given back since the start.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.used = self.freed = 0
        self._lock = Lock()
        self._held: Counter[str] = Counter()
        self._waiting: dict[str, deque[_Waiting]] = {}
        self._arrivals = 0
        self._tokens: SimpleQueue[None] = SimpleQueue()
        for _ in range(_LARGE_WORK_AT_ONCE):
            self._tokens.put(None)

    @property
    def waiting(self) -> int:
        """How many threads wait for bytes."""
        with self._lock:
            return sum(map(len, self._waiting.values()))

    def take(self, count: int, wait: float = WAIT_SECONDS, client: str = "", own: int = 0) -> None:
        """Take ``count`` bytes. Wait for them, in order of arrival, if there are not enough.

        :param wait: seconds to wait at most.
        :param client: whose bytes they are.
        :param own: how many bytes the connection holds already.
        :raises OverBudget: if there is no room for so many, or not in time.
        """
        self.check(count)
        mine = self._enter(client, count, own)
        if mine is not None:
            self._wait(client, mine, wait)

    def check(self, count: int) -> None:
        """Check that the whole budget is not less than ``count`` bytes.

        :raises OverBudget: if it is.
        """
        if count > self.size:
            raise OverBudget("this message alone takes more memory than the server may use")

    def _enter(self, client: str, count: int, own: int) -> _Waiting | None:
        """Give the bytes, or join those who wait."""
        with self._lock:
            if not self._waiting and self._has_room(count) and self._is_fair(client, count, own):
                self._give(client, count)
                return None
            self._arrivals += 1
            mine = _Waiting(self._arrivals, count, own, Lock())
            mine.turn.acquire()
            self._waiting.setdefault(client, deque()).append(mine)
            self._serve()
            return mine

    def _has_room(self, count: int) -> bool:
        return self.used + count <= self.size

    def _is_fair(self, client: str, count: int, own: int) -> bool:
        held = self._held[client]
        return held <= own or held + count <= self.size - self.used - count

    def _give(self, client: str, count: int) -> None:
        self.used += count
        self._held[client] += count

    def _wait(self, client: str, mine: _Waiting, seconds: float) -> None:
        try:
            if mine.turn.acquire(timeout=seconds):
                return
        except BaseException:
            if not self._leave(client, mine):
                self.give_back(mine.size, client)
            raise
        if self._leave(client, mine):
            raise OverBudget("the memory for messages is used up; try again later")

    def _leave(self, client: str, mine: _Waiting) -> bool:
        """Leave the queue; return False if the bytes came at the last moment."""
        with self._lock:
            queue = self._waiting.get(client, ())
            if mine not in queue:
                return False
            self._remove(client, mine)
            self._serve()  # Those behind may need less.
            return True

    def _remove(self, client: str, waiting: _Waiting) -> None:
        queue = self._waiting[client]
        queue.remove(waiting)
        if not queue:
            del self._waiting[client]

    def give_back(self, count: int, client: str = "") -> None:
        """Give back ``count`` bytes of a client."""
        with self._lock:
            self.used -= count
            self.freed += count
            self._held[client] -= count
            if not self._held[client]:
                del self._held[client]
            if self._waiting:
                self._serve()

    def _serve(self) -> None:
        """Give those that wait their bytes, in order of arrival. The caller has the lock.

        A client that holds its share does not hold up the others. A connection that needs much
        does: otherwise small ones could overtake it for ever.
        """
        while served := self._next_served():
            client, waiting = served
            self._remove(client, waiting)
            self._give(client, waiting.size)
            waiting.turn.release()

    def _next_served(self) -> tuple[str, _Waiting] | None:
        first = sorted((queue[0], client) for client, queue in self._waiting.items())
        for waiting, client in first:
            if self._is_fair(client, waiting.size, waiting.own):
                return (client, waiting) if self._has_room(waiting.size) else None
        return None

    @contextmanager
    def large_work(self) -> Iterator[None]:
        """Work on something large while the context lasts. Others wait for their turn here.

        That leaves the GIL to the threads with small messages, and to the main thread.
        """
        self._tokens.get()
        try:
            yield
        finally:
            self._tokens.put(None)


class Account:
    """What one connection holds of a budget.

    :param client: whose connection it is; see :func:`flask_echo.websocket.clients.client_of`.
    :ivar delivered: bytes of the large messages that the handler got and still has, or that are
        kept for it.
    :ivar under_way: bytes of the message that arrives; 0 if it is small so far.
    """

    __slots__ = (
        "_charged", "_client", "_lent", "_lock", "_patience", "_replies", "budget", "delivered",
        "under_way",
    )  # fmt: skip

    def __init__(self, budget: Budget, client: str = "") -> None:
        self.budget = budget
        self._client = client
        self.delivered = 0
        self._lent: list[tuple[Message, int]] = []
        self.under_way = 0
        self._replies = 0
        self._charged = 0
        self._lock = Lock()
        # How long the message under way may still wait, in seconds.
        self._patience = WAIT_SECONDS

    def expect(self, count: int) -> None:
        """Check that a message of ``count`` bytes can be held. This holds nothing yet.

        :raises OverBudget: if it alone costs more than the budget.
        """
        self.budget.check(count - FREE_BYTES)

    def hold_under_way(self, count: int) -> None:
        """Hold ``count`` bytes for the message that arrives.

        :raises OverBudget: if there is no room for it.
        """
        # In steps, so that not every part of a message takes the lock.
        self.expect(count)
        steps = -(-count // FREE_BYTES) * FREE_BYTES if count > FREE_BYTES else count
        if steps != self.under_way:
            began = monotonic()
            self._change(under_way=steps - self.under_way, wait=self._patience)
            self._patience = max(0.0, self._patience - (monotonic() - began))

    def deliver(self, message: Message) -> None:
        """Hold memory for the message that the handler gets, and none for one under way."""
        self._patience = WAIT_SECONDS
        size = getsizeof(message)
        self._change(-self.under_way, size)
        self._lent.append((message, size))

    def drop_under_way(self) -> None:
        """Hold nothing for a message that is small so far, or has arrived and was small."""
        self._patience = WAIT_SECONDS
        self._change(-self.under_way)

    def drop_delivered(self) -> None:
        """Hold nothing for the messages to which nobody else refers any more.

        A handler that asks for the next message is not always done with the last one: a loop with
        ``message = ws.receive()`` has it until the next one is there, perhaps for hours.
        """
        lent, self._lent = self._lent, []
        for index in range(len(lent)):
            if getrefcount(lent[index][0]) > _OWN_REFERENCES:
                self._lent.append(lent[index])
        del lent, self._lent[:-_MOST_LENT]
        self._change(delivered=sum(size for _, size in self._lent) - self.delivered)

    def add_reply(self, count: int, wait: float = WAIT_SECONDS) -> None:
        """Hold ``count`` bytes more for replies; less, if it is negative.

        :param wait: seconds to wait at most.
        :raises OverBudget: if there is no room for them.
        """
        self._change(replies=count, wait=wait)

    def clear(self) -> None:
        """Hold nothing but the replies that other threads are sending."""
        self._lent.clear()
        self._change(-self.under_way, -self.delivered)

    def _change(
        self,
        under_way: int = 0,
        delivered: int = 0,
        replies: int = 0,
        wait: float = WAIT_SECONDS,
    ) -> None:
        """Add to what is held, and charge the budget for it.

        :raises OverBudget: if there is no room. Then nothing has changed.
        """
        more, before = self._add(under_way, delivered, replies)
        if more < 0:
            self.budget.give_back(-more, self._client)
        elif more:
            try:
                self.budget.take(more, wait, self._client, before)
            except BaseException:
                # Another thread may have given back meanwhile, with FREE_BYTES counted for this.
                more, _ = self._add(-under_way, -delivered, -replies, refused=more)
                self.budget.give_back(-more, self._client)
                raise

    def _add(
        self, under_way: int, delivered: int, replies: int, refused: int = 0
    ) -> tuple[int, int]:
        """Return how much more to charge (less, if it is negative), and how much was charged.

        :param refused: how much of the charge the budget did not give.
        """
        with self._lock:
            self._charged -= refused
            before = self._charged
            self.under_way += under_way
            self.delivered += delivered
            self._replies += replies
            held = self.under_way + self.delivered + self._replies
            more = max(0, held - FREE_BYTES) - before
            self._charged += more
            return more, before
