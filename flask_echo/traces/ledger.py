"""Who has how many bytes of traces, and which ones have to go."""

from collections import OrderedDict
from threading import Lock
from typing import NamedTuple


class Entry(NamedTuple):
    """One stored attempt.

    :ivar client: whose request it was.
    :ivar size: bytes.
    :ivar expires_at: when the store forgets it, on the monotonic clock in seconds.
    """

    client: str
    size: int
    expires_at: float


class Ledger:
    """The traces that one worker has stored. All methods are safe in all threads.

    :param total: the most bytes of all clients together.
    :param share: the most bytes of one client.
    """

    def __init__(self, total: int, share: int) -> None:
        self._total = total
        self._share = share
        self._lock = Lock()
        # The one that was put first comes first, and so the one that expires first.
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._keys: dict[str, OrderedDict[str, None]] = {}
        self._held: dict[str, int] = {}
        self._sum = 0

    def has(self, key: str) -> bool:
        """Return whether an attempt is still stored, as far as this worker knows."""
        return key in self._entries

    def put(self, key: str, entry: Entry) -> list[str]:
        """Note that an attempt takes so many bytes. Return the keys that have to go for it.

        A client that has too much loses its own oldest attempt. If all of them together have too
        much, the client with the most loses its oldest one.
        """
        with self._lock:
            self._remove(key)
            self._add(key, entry)
            return self._make_room(entry.client)

    def take_expired(self, now: float) -> list[str]:
        """Forget what has expired, and return its keys."""
        expired = []
        with self._lock:
            for key, entry in self._entries.items():
                if entry.expires_at > now:
                    break
                expired.append(key)
            for key in expired:
                self._remove(key)
        return expired

    def _make_room(self, client: str) -> list[str]:
        dropped = []
        while self._held.get(client, 0) > self._share:
            dropped.append(self._drop_oldest(client))
        while self._sum > self._total:
            dropped.append(self._drop_oldest(max(self._held, key=self._held.__getitem__)))
        return dropped

    def _drop_oldest(self, client: str) -> str:
        key = next(iter(self._keys[client]))
        self._remove(key)
        return key

    def _add(self, key: str, entry: Entry) -> None:
        self._entries[key] = entry
        self._keys.setdefault(entry.client, OrderedDict())[key] = None
        self._held[entry.client] = self._held.get(entry.client, 0) + entry.size
        self._sum += entry.size

    def _remove(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self._sum -= entry.size
        self._held[entry.client] -= entry.size
        keys = self._keys[entry.client]
        del keys[key]
        if not keys:
            del self._keys[entry.client], self._held[entry.client]
