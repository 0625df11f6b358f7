"""The observer that keeps the traces of upgrade requests that ask for one."""

import threading
from collections.abc import Callable, Mapping
from time import monotonic, sleep
from typing import Any

from flask_echo.traces.ids import id_in
from flask_echo.traces.store import Store
from flask_echo.traces.trace import Trace, refusal_text
from flask_echo.websocket import Observer, Refusal, Watch

# How often the traces of open connections are stored.
SAVE_SECONDS = 1.0


class TraceObserver(Observer):
    """Keeps traces in a store. A request without an ID costs a look at its query.

    :param store: where.
    :param describe: returns the current request, in values that JSON has.
    :param client: names the client of the current request.
    """

    def __init__(
        self, store: Store, describe: Callable[[], Mapping[str, Any]], client: Callable[[], str]
    ) -> None:
        self._store = store
        self._describe = describe
        self._client = client
        self._lock = threading.Lock()
        self._open: set[Trace] = set()
        self._is_saving = False

    def refused(self, environ: Mapping[str, Any], refusal: Refusal) -> None:
        """Store the refusal."""
        trace = id_in(environ.get("QUERY_STRING", ""))
        if trace is not None:
            text = refusal_text(self._describe(), refusal)
            self._store.add(self._client(), trace, text)

    def upgrading(self, environ: Mapping[str, Any]) -> Watch | None:
        """Watch the connection."""
        trace = id_in(environ.get("QUERY_STRING", ""))
        return None if trace is None else self._watch(trace)

    def _watch(self, trace: str) -> Trace:
        client = self._client()
        key: str | None = None

        def save(text: str) -> bool:
            nonlocal key
            if key is not None:
                return self._store.put(client, key, text)
            key = self._store.add(client, trace, text)
            return key is not None

        return Trace(self._describe(), save, self._remember, self._forget)

    def _remember(self, watch: Trace) -> None:
        with self._lock:
            self._open.add(watch)
            start, self._is_saving = not self._is_saving, True
        if start:
            self._start()

    def _start(self) -> None:
        try:
            threading.Thread(target=self._save_now_and_then, name="traces", daemon=True).start()
        except RuntimeError:  # There is no thread. The beginning and the end are stored anyway.
            self._is_saving = False

    def _forget(self, watch: Trace) -> None:
        with self._lock:
            self._open.discard(watch)

    def _save_now_and_then(self) -> None:
        """Store what has changed, once a second, as long as a traced connection is open.

        It takes a tenth of the time at most, or many traces would slow all connections down.
        """
        pause = SAVE_SECONDS
        while watches := self._still_open():
            sleep(pause)
            began = monotonic()
            for watch in watches:
                watch.save_changes()
            pause = max(SAVE_SECONDS, 9 * (monotonic() - began))

    def _still_open(self) -> list[Trace]:
        with self._lock:
            self._is_saving = bool(self._open)
            return list(self._open)
