"""Where traces are kept: in a folder that the workers share, or in Redis.

Traces must not harm the connections that they are about. If the store fails, it is off for some
time, and connections go on.
"""

import logging
import os
import struct
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from operator import methodcaller
from time import monotonic, time
from typing import IO, Any

from cachelib import FileSystemCache, RedisCache
from cachelib.base import BaseCache

from flask_echo.traces.ledger import Entry, Ledger

# How long a trace is kept after the last change.
KEEP_SECONDS = 300

# Of all traces, and of those of one client.
TOTAL_BYTES = 32 * 2**20
SHARE_BYTES = TOTAL_BYTES // 8

# A proxy may try again. More attempts than this are not kept.
MOST_ATTEMPTS = 4

# The thread of a request waits for Redis no longer than this, and not again for some time.
REDIS_SECONDS = 0.25
_PAUSE_SECONDS = 5.0

# How often the leftovers of workers that were killed are removed from the folder.
_SWEEP_SECONDS = 60.0

_DROPPED = "dropped"

# Servers of several versions may share a store, so each value begins with the number of its format.
# A new member of an attempt needs no new format. One that is gone or means something else does. The
# keys stay as they are: under others, a trace would look as if its request had never arrived.
FORMAT = 1
_MARK = f"{FORMAT} ".encode()

_log = logging.getLogger(__name__)


class OtherFormat(Exception):
    """A server of another version has stored this, in a format that this one does not know."""


class _Foreign:
    """Stands for a value in another format."""


class _Text:
    """A serializer of cachelib for texts. It never unpickles what somebody else may have stored."""

    def dumps(self, value: str) -> bytes:
        return _MARK + value.encode()

    def loads(self, value: bytes | None) -> str | _Foreign | None:
        if value is None:
            return None
        return value[len(_MARK) :].decode() if value.startswith(_MARK) else _Foreign()

    def dump(self, value: str, file: IO[bytes]) -> None:
        file.write(self.dumps(value))

    def load(self, file: IO[bytes]) -> str | _Foreign | None:
        return self.loads(file.read())


class _Files(FileSystemCache):
    """Files of text. A failure to write raises OSError; cachelib would log a traceback."""

    serializer: Any = _Text()

    def add(self, key: str, value: str, timeout: Any = None) -> bool:
        """Write a file that is not there yet."""
        try:
            self._write(key, value, os.link)
        except FileExistsError:
            return False
        return True

    def set(self, key: str, value: str, timeout: Any = None, mgmt_element: bool = False) -> bool:
        """Write a file."""
        self._write(key, value, os.replace)
        return True

    def _write(self, key: str, value: str, move: Callable[[str, str], None]) -> None:
        descriptor, name = tempfile.mkstemp(suffix=self._fs_transaction_suffix, dir=self._path)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(struct.pack("I", int(time()) + KEEP_SECONDS))
                self.serializer.dump(value, file)
            move(name, self._get_filename(key))
        finally:
            if os.path.exists(name):
                os.remove(name)

    def sweep(self) -> None:
        """Remove files that have expired. Other workers may remove files meanwhile."""
        with os.scandir(self._path) as files:
            for file in files:
                with suppress(FileNotFoundError):
                    if file.stat().st_mtime < time() - KEEP_SECONDS:
                        os.remove(file.path)


class _Redis(RedisCache):
    serializer: Any = _Text()


def files_in(folder: str) -> BaseCache:
    """Return a cache of files in ``folder``.

    :raises OSError: if there is no such folder. The cache would make one that others may read.
    """
    os.stat(folder)
    return _Files(folder, threshold=0, default_timeout=KEEP_SECONDS)


def redis_at(url: str) -> BaseCache:
    """Return a cache in the Redis at ``url``, such as ``redis://:password@host:6379/0``.

    :raises ImportError: without the package redis.
    :raises ValueError: for a bad URL.
    """
    from redis import Redis

    client = Redis.from_url(url, socket_connect_timeout=REDIS_SECONDS, socket_timeout=REDIS_SECONDS)
    return _Redis(client, default_timeout=KEEP_SECONDS, key_prefix="flask-echo:trace:")


class Store:
    """Attempts by ID, in JSON. All methods are safe in all threads. A failing store raises nothing.

    :param cache: makes the cache, when it is first needed: in a worker, after the fork.
    :param name: returns what tells this store from those of other servers; called when it is asked.
    :param sharers: returns how many workers share the bytes; called at the same time.
    :ivar reason: why traces are off, or an empty text.
    """

    def __init__(
        self, cache: Callable[[], BaseCache], name: Callable[[], str], sharers: Callable[[], int]
    ) -> None:
        self._make_cache = cache
        self._make_name = name
        self._cache: BaseCache | None = None
        self._sharers = sharers
        self._off_until = 0.0
        self._swept_at = monotonic()
        self.reason = ""

    @property
    def name(self) -> str | None:
        """What tells this store from those of other servers; None if it cannot be used."""
        return self._try(lambda cache: self._make_name())  # type: ignore[no-any-return]

    @cached_property
    def _ledger(self) -> Ledger:
        count = self._sharers()
        return Ledger(TOTAL_BYTES // count, SHARE_BYTES // count)

    def add(self, client: str, trace: str, text: str) -> str | None:
        """Store a new attempt, and return its key; None if that is not possible."""
        self._sweep()
        for attempt in range(MOST_ATTEMPTS):
            key = f"{trace}.{attempt}"
            if self._write("add", key, text):
                self._account(client, key, text)
                return key
        return None

    def put(self, client: str, key: str, text: str) -> bool:
        """Store a later state of an attempt. Return False if it had to go for others."""
        if not self._ledger.has(key):
            return False
        if self._write("set", key, text):
            self._account(client, key, text)
        return True

    def get(self, trace: str) -> list[str]:
        """Return the attempts with an ID.

        :raises OtherFormat: if one of them cannot be read. The others alone would mislead: the last
            attempt is the one that counts.
        """
        keys = [f"{trace}.{attempt}" for attempt in range(MOST_ATTEMPTS)]
        found: list[str | _Foreign | None] = self._try(
            lambda cache: [cache.get(key) for key in keys], []
        )
        if any(isinstance(text, _Foreign) for text in found):
            raise OtherFormat
        return [text for text in found if isinstance(text, str)]

    def dropped_at(self) -> float | None:
        """Return when a trace had to go for others, in seconds (Unix), if it was lately."""
        text = self._try(methodcaller("get", _DROPPED))
        return float(text) if isinstance(text, str) else None

    def _sweep(self) -> None:
        """Remove what workers that were killed have left, now and then."""
        if monotonic() < self._swept_at + _SWEEP_SECONDS:
            return
        self._swept_at = monotonic()
        self._try(lambda cache: cache.sweep() if isinstance(cache, _Files) else None)

    def _account(self, client: str, key: str, text: str) -> None:
        now = monotonic()
        expired = self._ledger.take_expired(now)
        dropped = self._ledger.put(key, Entry(client, len(text), now + KEEP_SECONDS))
        for old in (*expired, *dropped):
            self._write("delete", old)
        if dropped:
            self._write("set", _DROPPED, str(time()))

    def _try(self, use: Callable[[Any], Any], otherwise: Any = None) -> Any:
        """Use the cache. After a failure, leave it alone for some time."""
        if monotonic() < self._off_until:
            return otherwise
        try:
            if self._cache is None:
                self._cache = self._make_cache()
            return use(self._cache)
        except Exception as error:
            self._fail(error)
            return otherwise

    def _write(self, method: str, *arguments: str) -> Any:
        """Call a method of the cache that writes. If it works, traces are on again."""
        result = self._try(methodcaller(method, *arguments))
        if result is not None and self.reason:
            self.reason = ""
            _log.info("Traces of WebSockets are on again.")
        return result

    def _fail(self, error: Exception) -> None:
        if not self.reason:
            # The text of an error may have the address of Redis, and a password in it.
            _log.warning(
                "Traces of WebSockets are off: %s. Connections go on.", type(error).__name__
            )
        self.reason = f"the store failed: {type(error).__name__}"
        self._off_until = monotonic() + _PAUSE_SECONDS
