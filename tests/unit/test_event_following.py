"""Event by event: when each one goes out, and how a stream is kept alive and ends."""

import json
from typing import Any, cast

import pytest

from flask_echo.events import following
from flask_echo.events.following import ALIVE_SECONDS, converse, event_stream
from flask_echo.events.query import Query
from flask_echo.events.stream import NANOSECONDS, Stream
from flask_echo.events.waiting import Waiter

START = 1_800_000_000 * NANOSECONDS
SLOW = Query(Stream("slow", "60"), START)


class Clock:
    """A time that passes only while somebody waits. It stands in for the waiter, too.

    :param waits: how often it waits before the client is gone.
    """

    def __init__(self, waits: int = 10**6) -> None:
        self.time = START
        self.left = waits
        self.events = 0

    def now(self) -> int:
        return self.time

    def wait(self, seconds: float) -> bool:
        self.left -= 1
        self.time += round(seconds * NANOSECONDS)
        return self.left >= 0

    def note_event(self) -> None:
        self.events += 1


def stream(clock: Clock, query: Query = SLOW) -> Any:
    return event_stream(query, clock.now, cast(Waiter, clock), lambda: "null")


def test_an_event_goes_out_when_it_is_due_and_not_before() -> None:
    clock = Clock()
    parts = stream(clock)
    for due in SLOW.stream.between(START, START + 10 * 60 * NANOSECONDS):
        while not (part := next(parts)).startswith("id: "):
            assert clock.time < due
        # A float of seconds has a precision of some nanoseconds here.
        assert abs(clock.time - due) < 1000
        event = {"id": SLOW.stream.cursor(due), "at": round(due / NANOSECONDS, 6), "cost": None}
        head, data, *rest = part.split("\n")
        assert (head, rest) == (f"id: {event['id']}", ["", ""])
        assert json.loads(data.removeprefix("data: ")) == event
    assert clock.events > 3


def test_the_head_goes_out_at_once() -> None:
    clock = Clock()
    assert next(stream(clock)).startswith(":")
    assert clock.time == START


def test_comments_keep_a_stream_alive_between_two_events() -> None:
    clock = Clock()
    parts = stream(clock)
    next(parts)
    last = START
    for part in parts:
        assert clock.time - last <= ALIVE_SECONDS * NANOSECONDS + 1
        last = clock.time
        if part.startswith("id: ") and clock.events > 5:
            return
        assert part.endswith("\n\n")


@pytest.mark.parametrize("waits", range(12))
def test_a_stream_ends_after_a_whole_part_when_the_wait_ends(waits: int) -> None:
    parts = list(stream(Clock(waits)))
    assert all(part.endswith("\n\n") for part in parts)
    assert len(parts) <= waits + 1


def test_a_stream_with_events_in_a_row_ends_too() -> None:
    long_ago = Query(SLOW.stream, START - 10**6 * NANOSECONDS)
    assert len(list(stream(Clock(5), long_ago))) == 1 + 5


class PingedWebSocket:
    """A connection that answers a ping before it sends a message."""

    PONG_BYTES = 8

    def __init__(self) -> None:
        self.sent_bytes = 0
        self.costs: list[tuple[int, int]] = []

    def send(self, data: Any) -> None:
        self.sent_bytes += self.PONG_BYTES
        text = str(data)
        self.costs.append((json.loads(text)["cost"], self.sent_bytes))
        self.sent_bytes += len(text)
        if len(self.costs) == 3:
            raise EOFError

    def receive(self, timeout: float | None = None) -> str | bytes | None:
        assert timeout == 0, "all events are due"
        return None

    def close(self, reason: int | None = None, message: str | None = None) -> None:
        raise AssertionError("nobody asked for it")


def test_a_message_tells_also_what_is_sent_right_before_it() -> None:
    ws = PingedWebSocket()
    long_ago = Query(SLOW.stream, START - 10**6 * NANOSECONDS)
    with pytest.raises(EOFError):
        converse(ws, long_ago, lambda: START, lambda: str(ws.sent_bytes))
    assert all(told == sent for told, sent in ws.costs)


def test_a_client_that_comes_back_late_does_not_keep_a_core_busy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []
    cpu = 0.0
    monkeypatch.setattr(following, "sleep", pauses.append)
    monkeypatch.setattr(following, "thread_time", lambda: cpu)
    long_ago = Query(SLOW.stream, START - 10**6 * NANOSECONDS)
    parts = stream(Clock(), long_ago)
    for _ in range(2501):
        next(parts)
        cpu += 1e-4
    assert cpu / (cpu + sum(pauses)) == pytest.approx(0.05, rel=0.1)


class SteppedClock:
    """A clock that is set forward by an hour during the first wait."""

    def __init__(self) -> None:
        self.time = START
        self.longest = 0.0

    def receive(self, timeout: float | None = None) -> str | bytes | None:
        assert timeout is not None
        self.longest = max(self.longest, timeout)
        self.time += 3600 * NANOSECONDS
        return None

    def send(self, data: Any) -> None:
        raise EOFError

    def close(self, reason: int | None = None, message: str | None = None) -> None:
        raise AssertionError("nobody asked for it")


def test_a_websocket_waits_no_longer_than_an_event_stream_without_a_look_at_the_clock() -> None:
    clock = SteppedClock()
    with pytest.raises(EOFError):
        converse(clock, Query(Stream("hourly", "3600"), START), lambda: clock.time, lambda: "null")
    assert 0 < clock.longest <= ALIVE_SECONDS


class LateKernel(SteppedClock):
    """Its waits end late by an eighth, as those of Linux may."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[int] = []

    def receive(self, timeout: float | None = None) -> str | bytes | None:
        assert timeout is not None
        self.time += int(timeout * 9 / 8 * NANOSECONDS)
        return None

    def send(self, data: Any) -> None:
        self.sent.append(self.time)
        if len(self.sent) == 20:
            raise EOFError


def test_a_kernel_whose_waits_end_late_makes_no_event_late(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = LateKernel()

    def sleep(seconds: float) -> None:
        kernel.time += int(seconds * NANOSECONDS)

    monkeypatch.setattr(following, "sleep", sleep)
    query = Query(Stream("late", "10"), START)
    with pytest.raises(EOFError):
        converse(kernel, query, lambda: kernel.time, lambda: "null")
    due = query.stream.between(START, kernel.time)
    late = [sent - event for sent, event in zip(kernel.sent, due, strict=True)]
    assert max(late) < NANOSECONDS / 1000
