"""How fast a peer must be: the same rate for what it sends and for what it takes."""

# For comparison: nginx restarts its time-outs with every byte, so one byte a minute is enough.
MIN_RATE = 4096  # bytes per second


class Pace:
    """Judges a peer by the time that we wait for it, and by the bytes that come in that time.

    Time in which nobody waits is the handler's, and does not count.

    :param window: seconds of waiting before there is a verdict; then the count starts again.
    """

    __slots__ = ("_bytes", "_waited", "_window")

    def __init__(self, window: float) -> None:
        self._window = window
        self._waited = 0.0
        self._bytes = 0

    def add(self, waited: float, count: int) -> bool:
        """Note a wait in seconds, and how many bytes came. Return False if that is too slow."""
        self._waited += waited
        self._bytes += count
        if self._waited < self._window:
            return True
        enough = self._bytes >= MIN_RATE * self._waited
        self._waited, self._bytes = 0.0, 0
        return enough

    def left(self) -> float:
        """Return the seconds of waiting until the next verdict."""
        return max(0.0, self._window - self._waited)
