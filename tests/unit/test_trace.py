"""When a trace of a connection is stored, and when again."""

import threading
from pathlib import Path

import pytest

from flask_echo.traces import trace as module
from flask_echo.traces.observer import TraceObserver
from flask_echo.traces.store import Store, files_in
from flask_echo.traces.trace import Trace
from tests.support.clients import frame


def test_a_silent_connection_is_stored_before_the_store_forgets_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    saved: list[float] = []

    def save(text: str) -> bool:
        saved.append(now)
        return True

    monkeypatch.setattr(module, "monotonic", lambda: now)
    trace = Trace({}, save, lambda trace: None, lambda trace: None)
    trace.read_ahead(frame(0x81, b"x"))
    for _ in range(200):
        trace.save_changes()
        now += 1
    assert saved == [100, 161, 222, 283]


def test_an_upgrade_that_never_opens_is_not_watched(tmp_path: Path) -> None:
    store = Store(lambda: files_in(str(tmp_path)), lambda: "store", lambda: 1)
    observer = TraceObserver(store, dict, str)
    query = {"QUERY_STRING": f"trace={'a' * 32}"}
    assert observer.upgrading(query) is not None
    assert "traces" not in {thread.name for thread in threading.enumerate()}
