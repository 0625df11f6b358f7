"""When a trace of an open connection is stored again."""

import pytest

from flask_echo.traces import trace as module
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
    trace = Trace({}, save, lambda ended: None)
    trace.read_ahead(frame(0x81, b"x"))
    for _ in range(200):
        trace.save_changes()
        now += 1
    assert saved == [100, 161, 222, 283]
