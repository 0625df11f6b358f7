"""Rates: how many requests a client may make in a second."""

import math
import threading
from time import monotonic


class Rates:
    """Counts the requests of each client. All methods are safe in all threads.

    This is the generic cell rate algorithm (ITU-T I.371): a client may use its second at once, and
    gets each request back evenly. One number per client is enough: when it has all of them back.
    The table keeps only clients whose requests of the last second were admitted.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._whole_again: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._whole_again)

    def admit(self, client: str, limit: int, now: float | None = None) -> int:
        """Count a request, and return 0; or return the seconds after which to try again.

        :param client: who makes the request.
        :param limit: requests per second; 0 admits all.
        :param now: seconds on the monotonic clock; by default its time.
        """
        if not limit:
            return 0
        now = monotonic() if now is None else now
        with self._lock:
            self._forget(now)
            whole_again = max(now, self._whole_again.pop(client, now)) + 1 / limit
            # A millionth covers the rounding of the sums.
            if whole_again > now + 1 + 1e-6:
                self._whole_again[client] = whole_again - 1 / limit
                return math.ceil(whole_again - now - 1)
            self._whole_again[client] = whole_again
            return 0

    def _forget(self, now: float) -> None:
        """Forget clients that have all their requests back. The table is in order of last use, so
        one that waits behind another is forgotten a second later."""
        while self._whole_again:
            client = next(iter(self._whole_again))
            if self._whole_again[client] > now:
                return
            del self._whole_again[client]
