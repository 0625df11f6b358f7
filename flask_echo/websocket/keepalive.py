"""Keepalive and limits of time: when to ping a silent peer, and when to give it up."""

import math
import random
from enum import Enum
from time import monotonic

# A limit of the lifetime is shortened by up to this part at random. Otherwise all clients that
# connected after a restart would come back at the same moment.
_SHORTENED = 0.2

# A wait that is not calculated may take this part of the lifetime. Near its end, all waits are
# calculated.
_LONGEST_GUESS = 0.1


class Due(Enum):
    """What a connection has to do about time that has passed."""

    NOTHING = "nothing"
    PING = "send a ping"
    TIMEOUT = "give the peer up"
    IDLE = "end a connection without messages"
    LIFETIME = "end a connection that has lasted long enough"


class Keepalive:
    """The clocks of one connection. All times are of the monotonic clock, in seconds.

    Each byte from the peer counts as a sign of life, not only a pong. The clock is not read for
    each read: :attr:`since` stays None while messages keep arriving.

    :param interval: seconds of silence before a ping; None sends no pings.
    :param timeout: seconds after a ping within which a byte must arrive.
    :param idle: seconds without a message in either direction; 0 is no limit.
    :param lifetime: seconds from now on; 0 is no limit. Up to a fifth less is allowed, at random.
    :param now: the time, if it is known.
    :ivar since: when the silence began, or the ping was sent; None if neither is known.
    :ivar last_message_at: when the last message came or went; at first, when the connection began.
        A reply counts as of the message that it answers, unless there is an idle limit.
    :ivar idle: as above, or None.
    :ivar limited: whether there is a limit of idle time or lifetime.
    :ivar first_wait: seconds that a read may wait if :attr:`since` is None; None is without limit.
    :ivar exact_from: from this message on, :meth:`wait` must calculate each wait.
    """

    __slots__ = (
        "_ends_at",
        "_interval",
        "_pinged",
        "_timeout",
        "exact_from",
        "first_wait",
        "idle",
        "last_message_at",
        "limited",
        "since",
    )

    def __init__(
        self,
        interval: float | None,
        timeout: float,
        idle: float = 0.0,
        lifetime: float = 0.0,
        now: float | None = None,
    ) -> None:
        self._interval = interval or math.inf
        self._timeout = timeout
        self.idle = idle or None
        self.limited = bool(idle or lifetime)
        self.since: float | None = None
        self._pinged = False
        self.last_message_at = monotonic() if now is None else now
        self._ends_at = self.exact_from = math.inf
        first_wait = min(self._interval, idle or math.inf)
        if lifetime:
            first_wait = min(first_wait, lifetime * _LONGEST_GUESS)
            lifetime *= 1 - _SHORTENED * random.random()
            self._ends_at = self.last_message_at + lifetime
            self.exact_from = self._ends_at - first_wait
        self.first_wait = None if first_wait == math.inf else first_wait

    @property
    def interval(self) -> float | None:
        """Seconds of silence before a ping; None sends no pings."""
        return None if self._interval == math.inf else self._interval

    def on_data(self) -> None:
        """Note that bytes have arrived."""
        self.since = None
        self._pinged = False

    def start(self, now: float) -> None:
        """Start the clock of a silence, unless it runs."""
        if self.since is None:
            self.since = now

    def wait(self, now: float) -> float | None:
        """Start the clock, and return the seconds until something is due; None is never."""
        self.start(now)
        assert self.since is not None
        next_at = self.since + (self._timeout if self._pinged else self._interval)
        next_at = min(next_at, self._idle_at(), self._ends_at)
        return None if next_at == math.inf else max(0.0, next_at - now)

    def over(self, now: float) -> Due:
        """Return which limit of time is over, although the peer may be alive."""
        if now >= self._ends_at:
            return Due.LIFETIME
        return Due.IDLE if now >= self._idle_at() else Due.NOTHING

    def _idle_at(self) -> float:
        return math.inf if self.idle is None else self.last_message_at + self.idle

    def due(self, now: float) -> Due:
        """Return what is due after a wait in which nothing arrived.

        If :attr:`since` is None, the caller has waited for :attr:`first_wait`.
        """
        over = self.over(now)
        if over is not Due.NOTHING:
            return over
        if self.since is None:
            silence = self.first_wait or 0.0
            self.since = now - silence
        else:
            silence = now - self.since
        if self._pinged:
            return Due.TIMEOUT if silence >= self._timeout else Due.NOTHING
        if silence < self._interval:
            return Due.NOTHING
        self.since, self._pinged = now, True
        return Due.PING
