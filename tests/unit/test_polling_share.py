"""The share of polls that find nothing, and that polls lose and repeat nothing.

The clock of the service runs as fast as the client polls, and names and phase are fixed. So these
tests cannot vary.
"""

from itertools import islice
from math import exp, sqrt
from typing import Any

import pytest
from flask.testing import FlaskClient

from flask_echo import create_app
from flask_echo.events.stream import NANOSECONDS, Stream

START = 1_800_000_000 * NANOSECONDS
POLLS = 2_000
PAIRS = [(1, 10), (1, 1), (5, 2)]
NAME = "empty-share"


class Clock:
    """The time of the service, which passes when a test says so."""

    def __init__(self) -> None:
        self.now = START

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += int(seconds * NANOSECONDS)

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("flask_echo.events.views.time_ns", clock)
    return clock


@pytest.fixture
def client() -> FlaskClient:
    return create_app().test_client()


def poll(client: FlaskClient, mean: float, since: str | None, etag: str | None = None) -> Any:
    query = {"stream": NAME, "mean": mean} | ({"since": since} if since else {})
    return client.get("/events", query_string=query, headers={"If-None-Match": etag or ""})


@pytest.mark.parametrize(("interval", "mean"), PAIRS)
def test_the_share_of_empty_polls_is_exp_of_minus_the_intervals_ratio(
    client: FlaskClient, clock: Clock, interval: int, mean: int
) -> None:
    cursor = poll(client, mean, None).get_json()["next"]
    empty, delivered = 0, []
    for _ in range(POLLS):
        clock.advance(interval)
        answer = poll(client, mean, cursor).get_json()
        ids = [event["id"] for event in answer["events"]]
        empty += not ids
        delivered += ids
        assert answer["next"] == (ids[-1] if ids else cursor)
        cursor = answer["next"]
    expected = exp(-interval / mean)
    assert abs(empty / POLLS - expected) < 3 * sqrt(expected * (1 - expected) / POLLS)
    stream = Stream(NAME, str(mean))
    assert delivered == [stream.cursor(at) for at in stream.between(START, clock.now, 10**6)]


@pytest.mark.parametrize(("interval", "mean"), PAIRS)
@pytest.mark.parametrize("moves", [True, False], ids=["since moves", "since stays"])
def test_a_conditional_poll_gets_304_exactly_where_a_plain_one_is_empty(
    client: FlaskClient, clock: Clock, interval: int, mean: int, moves: bool
) -> None:
    first = poll(client, mean, None)
    since, cursor, etag = first.get_json()["next"], first.get_json()["next"], first.headers["ETag"]
    for _ in range(500):
        clock.advance(interval)
        plain = poll(client, mean, cursor).get_json()
        answer = poll(client, mean, since, etag)
        assert (answer.status_code == 304) == (plain["events"] == [])
        if answer.status_code == 304:
            assert (answer.data, answer.headers["ETag"]) == (b"", etag)
            continue
        assert answer.get_json()["next"] == plain["next"]
        cursor, etag = plain["next"], answer.headers["ETag"]
        assert etag == f'W/"{cursor}"'
        since = cursor if moves else since
        if not moves and len(answer.get_json()["events"]) > 500:
            since = cursor


def test_a_poll_returns_a_thousand_events_and_the_next_one_the_rest(
    client: FlaskClient, clock: Clock
) -> None:
    stream = Stream(NAME, "1")
    cursor = stream.cursor(START)
    clock.advance(2_500)
    due = stream.between(START, clock.now, 10**6)
    delivered = []
    for count in (1000, 1000, len(due) - 2000, 0):
        answer = poll(client, 1, cursor).get_json()
        assert len(answer["events"]) == count
        delivered += [event["id"] for event in answer["events"]]
        cursor = answer["next"]
    assert delivered == [stream.cursor(at) for at in due]


def test_an_event_has_its_time_in_seconds(client: FlaskClient, clock: Clock) -> None:
    stream = Stream(NAME, "1")
    due = next(islice(stream.after(START), 1))
    clock.now = due
    (event,) = poll(client, 1, stream.cursor(START)).get_json()["events"]
    assert event == {"id": stream.cursor(due), "at": round(due / NANOSECONDS, 6)}


def test_an_event_is_there_from_its_own_nanosecond_on(client: FlaskClient, clock: Clock) -> None:
    stream = Stream(NAME, "1")
    due = next(stream.after(START))
    for now, count in ((due - 1, 0), (due, 1)):
        clock.now = now
        assert len(poll(client, 1, stream.cursor(START)).get_json()["events"]) == count


def test_a_cursor_that_is_ahead_of_the_clock_waits_for_it(
    client: FlaskClient, clock: Clock
) -> None:
    ahead = Stream(NAME, "0.05").cursor(START + 30 * NANOSECONDS)
    answer = poll(client, 0.05, ahead)
    assert (answer.get_json()["events"], answer.get_json()["next"]) == ([], ahead)
    clock.advance(40)
    events = poll(client, 0.05, ahead).get_json()["events"]
    between = Stream(NAME, "0.05").between(START + 30 * NANOSECONDS, clock.now)
    assert [event["id"] for event in events] == [Stream(NAME, "0.05").cursor(at) for at in between]
