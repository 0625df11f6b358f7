"""Keepalive: when to ping a silent peer, and when to give it up."""

from enum import Enum


class Due(Enum):
    """What a connection has to do about a silent peer."""

    NOTHING = "nothing"
    PING = "send a ping"
    TIMEOUT = "give the peer up"


class Keepalive:
    """The clocks of one connection. All times are of the monotonic clock, in seconds.

    Each byte from the peer counts as a sign of life, not only a pong. The clock is not read for
    each message: :attr:`since` stays None while messages keep arriving.

    :param interval: seconds of silence before a ping; None sends no pings.
    :param timeout: seconds after a ping within which a byte must arrive.
    :ivar since: when the silence began, or the ping was sent; None if neither is known.
    """

    __slots__ = ("_pinged", "_timeout", "interval", "since")

    def __init__(self, interval: float | None, timeout: float) -> None:
        self.interval = interval
        self._timeout = timeout
        self.since: float | None = None
        self._pinged = False

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
        if self.interval is None:
            return None
        self.start(now)
        assert self.since is not None
        return max(0.0, self.since + (self._timeout if self._pinged else self.interval) - now)

    def due(self, now: float) -> Due:
        """Return what is due after a wait in which nothing arrived.

        If :attr:`since` is None, the caller has waited a full interval.
        """
        if self.interval is None:
            return Due.NOTHING
        silence = self.interval if self.since is None else now - self.since
        if self._pinged:
            return Due.TIMEOUT if silence >= self._timeout else Due.NOTHING
        if silence < self.interval:
            return Due.NOTHING
        self.since, self._pinged = now, True
        return Due.PING
