"""Five ways to follow one stream of events, from real servers."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from http.client import HTTPConnection
from threading import Thread
from time import time_ns
from typing import Any

import pytest

from flask_echo.events.stream import NANOSECONDS
from tests.support.clients import TIMEOUT, Answer, ask, connected, frame, raw, request_bytes
from tests.support.followers import (
    WAYS,
    Event,
    Way,
    quiet,
    stream_of,
    take,
    with_next_event,
)
from tests.support.servers import Server, StartServer, free_port

FAST = stream_of("fast", "0.05")
BUSY = stream_of("busy", "0.2")
SLOW = quiet()

each_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)

SOON = 60 * NANOSECONDS


@pytest.fixture(scope="module")
def two_workers() -> Iterator[Server]:
    """A server with two workers."""
    server = Server("gunicorn", "--workers", "2")
    yield server
    server.stop()
    assert "Traceback" not in server.output(), server.output()


@pytest.fixture(params=["two workers", "flask"])
def server_of_each_kind(
    request: pytest.FixtureRequest, two_workers: Server, servers: Callable[[str], Server]
) -> Server:
    return two_workers if request.param == "two workers" else servers("flask")


def get(
    server: Server, path: str, changes: Mapping[str, str] | None = None, method: str = "GET"
) -> Answer:
    """Ask without an upgrade."""
    plain = dict.fromkeys(
        ("Connection", "Upgrade", "Sec-WebSocket-Version", "Sec-WebSocket-Key"), None
    )
    return ask(server, request_bytes(path, {**plain, **(changes or {})}, method))


def answered(answer: Answer) -> dict[str, Any]:
    """The content of a poll's answer."""
    assert answer.status == 200, answer
    return dict(json.loads(answer.text))


def ids(events: list[Event]) -> list[str]:
    return [str(event["id"]) for event in events]


# -- The same events in all ways -----------------------------------------------------------


@each_way
def test_each_way_delivers_all_events_once_across_a_reconnect(
    server_of_each_kind: Server, way: Way
) -> None:
    begin = time_ns() - NANOSECONDS // 2
    port, cursor = server_of_each_kind.port, FAST.stream.cursor(begin)
    events = take(way, port, FAST.query, cursor, 20)
    events += take(way, port, FAST.query, events[-1]["id"], 20)
    assert ids(events) == FAST.cursors(begin, 40)
    for event in events:
        assert event["at"] == round(FAST.stream.position(event["id"]) / NANOSECONDS, 6)


@each_way
@pytest.mark.slow
def test_no_event_is_lost_or_repeated_when_the_server_restarts(
    start_server: StartServer, way: Way
) -> None:
    bound = ["--bind", f"127.0.0.1:{free_port()}"]
    words = [sys.executable, "-m", "gunicorn", "wsgi:app", "--workers", "2", *bound]
    server = start_server("gunicorn", words=words)
    begin = time_ns() - NANOSECONDS // 2
    following = way(server.port, FAST.query, FAST.stream.cursor(begin))
    events = [next(following) for _ in range(20)]
    rest: list[Event] = []
    # It goes on reading while the server says goodbye.
    reader = Thread(target=lambda: rest.extend(following))
    reader.start()
    assert server.stop() == 0
    reader.join(TIMEOUT)
    assert not reader.is_alive()
    events += rest
    again = start_server("gunicorn", words=words)
    events += take(way, again.port, FAST.query, events[-1]["id"], 20)
    assert ids(events) == FAST.cursors(begin, len(events))


@each_way
def test_events_that_are_due_already_come_in_order(two_workers: Server, way: Way) -> None:
    begin = time_ns() - 100 * NANOSECONDS
    events = take(way, two_workers.port, FAST.query, FAST.stream.cursor(begin), 1500)
    assert ids(events) == FAST.cursors(begin, 1500)


def test_no_way_delivers_an_event_before_it_is_due(two_workers: Server) -> None:
    for way in WAYS:
        following = way(two_workers.port, BUSY.query, BUSY.stream.cursor(time_ns()))
        for _ in range(3):
            event = next(following)
            assert BUSY.stream.position(event["id"]) <= time_ns()
        following.close()  # type: ignore[attr-defined]


def test_without_a_cursor_a_poll_starts_now(server_of_each_kind: Server) -> None:
    before = time_ns()
    answer = answered(get(server_of_each_kind, FAST.path))
    assert answer["events"] == []
    assert before <= FAST.stream.position(answer["next"]) <= time_ns()


def test_without_a_cursor_a_websocket_starts_now(server_of_each_kind: Server) -> None:
    before = time_ns()
    with connected(server_of_each_kind, BUSY.path) as ws:
        started = time_ns()
        first = BUSY.stream.position(json.loads(ws.receive(TIMEOUT) or b"")["id"])
    assert first in [
        *BUSY.stream.between(before, started),
        next(BUSY.stream.after(started)),
    ]


def test_without_a_cursor_an_event_stream_starts_now(server_of_each_kind: Server) -> None:
    before = time_ns()
    first = BUSY.stream.position(read_event(server_of_each_kind, BUSY.path)["id"])
    # One of the first events after the request: an old one would be before it.
    assert before < first <= time_ns()


def read_event(server: Server, path: str, changes: Mapping[str, str] | None = None) -> Event:
    """Return the first event of an event stream."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT)
    with closing(connection):
        connection.request("GET", path, headers={"Accept": "text/event-stream", **(changes or {})})
        response = connection.getresponse()
        assert response.headers["Content-Type"].startswith("text/event-stream")
        for line in response:
            if line.startswith(b"data: "):
                return dict(json.loads(line.removeprefix(b"data: ")))
    raise AssertionError("the stream ended without an event")


@pytest.mark.parametrize("since", ["", f"&since={BUSY.stream.cursor(0)}"])
def test_an_event_stream_resumes_after_its_last_event(
    server_of_each_kind: Server, since: str
) -> None:
    position = time_ns() - 50 * NANOSECONDS
    resumed = {"Last-Event-ID": BUSY.stream.cursor(position)}
    event = read_event(server_of_each_kind, BUSY.path + since, resumed)
    assert [event["id"]] == BUSY.cursors(position, 1)


def test_only_an_event_stream_looks_at_the_last_event_id(two_workers: Server) -> None:
    old = {"Last-Event-ID": BUSY.stream.cursor(time_ns() - 50 * NANOSECONDS)}
    assert answered(get(two_workers, BUSY.path, old))["events"] == []


# -- Polls ---------------------------------------------------------------------------------


def test_an_answer_tells_its_cursor_as_etag_and_is_not_stored(server_of_each_kind: Server) -> None:
    answer = get(server_of_each_kind, FAST.since(time_ns() - NANOSECONDS))
    assert answer.headers["ETag"] == f'W/"{answered(answer)["next"]}"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"] == "application/json"
    assert "Accept" in answer.headers["Vary"]


def test_a_conditional_poll_gets_no_body_while_nothing_happens(server_of_each_kind: Server) -> None:
    path = quiet().since(time_ns())
    etag = get(server_of_each_kind, path).headers["ETag"]
    for _ in range(3):
        answer = get(server_of_each_kind, path, {"If-None-Match": etag})
        assert (answer.status, answer.text) == (304, "")
        assert answer.headers["ETag"] == etag


def test_a_long_poll_ends_with_the_first_event(server_of_each_kind: Server) -> None:
    begin = time_ns()
    followed = with_next_event("3600", 0.5, 2)
    answer = answered(get(server_of_each_kind, f"{followed.since(begin)}&wait=60"))
    assert ids(answer["events"]) == followed.cursors(begin, 1) == [answer["next"]]


def test_a_long_poll_without_an_event_ends_when_its_time_is_up(server_of_each_kind: Server) -> None:
    followed, begin = quiet(), time_ns()
    answer = answered(get(server_of_each_kind, f"{followed.since(begin)}&wait=0.5"))
    assert time_ns() - begin >= 0.5 * NANOSECONDS
    assert (answer["events"], answer["next"]) == ([], followed.stream.cursor(begin))


def test_a_conditional_long_poll_without_an_event_gets_304(two_workers: Server) -> None:
    path = f"{quiet().since(time_ns())}&wait=0.5"
    etag = get(two_workers, path).headers["ETag"]
    assert get(two_workers, path, {"If-None-Match": etag}).status == 304


def test_a_long_poll_waits_if_the_client_has_the_events_that_are_there(
    server: Server,
) -> None:
    path = f"{SLOW.since(time_ns() - NANOSECONDS * 7200 * 24)}&wait=0.5"
    etag = get(server, path).headers["ETag"]
    begin = time_ns()
    assert get(server, path, {"If-None-Match": etag}).status == 304
    assert time_ns() - begin >= 0.5 * NANOSECONDS


def test_a_long_poll_does_not_wait_if_an_event_is_there(two_workers: Server) -> None:
    begin = time_ns() - NANOSECONDS * 7200 * 24
    followed = quiet()
    answer = answered(get(two_workers, f"{followed.since(begin)}&wait=60"))
    due = followed.stream.between(begin, time_ns())
    assert ids(answer["events"]) == [followed.stream.cursor(at) for at in due] != []


def test_head_tells_what_get_would_and_does_not_wait(server_of_each_kind: Server) -> None:
    path = f"{quiet().since(time_ns())}&wait=60"
    answer = get(server_of_each_kind, path, method="HEAD")
    assert (answer.status, answer.text) == (200, "")
    assert answer.headers["ETag"].startswith('W/"')
    # Nor does it begin an event stream, which would keep the connection.
    stream = get(server_of_each_kind, quiet().path, {"Accept": "text/event-stream"}, "HEAD")
    assert stream.headers["ETag"].startswith('W/"')


@pytest.mark.parametrize("accept", ["*/*", "text/event-stream"])
@pytest.mark.parametrize("length", ["Content-Length", "Transfer-Encoding"])
def test_a_request_with_a_body_is_refused(two_workers: Server, length: str, accept: str) -> None:
    headers = {length: "chunked" if length == "Transfer-Encoding" else "1", "Accept": accept}
    request = request_bytes(
        FAST.path,
        {"Upgrade": None, "Connection": "close", "Sec-WebSocket-Version": None}
        | {"Sec-WebSocket-Key": None, **headers},
    )
    body = b"1\r\nx\r\n0\r\n\r\n" if length == "Transfer-Encoding" else b"x"
    answer = ask(two_workers, request + body)
    assert answer.status == 400
    assert "body" in json.loads(answer.text)["detail"]


def test_the_clock_tells_the_server_s_time(server_of_each_kind: Server) -> None:
    before = time_ns()
    answer = get(server_of_each_kind, "/events/clock")
    now = answered(answer)["now"] * NANOSECONDS
    # A float of this size has a precision of a microsecond.
    assert before - 1000 <= now <= time_ns() + 1000
    assert answer.headers["Cache-Control"] == "no-store"


# -- WebSockets ----------------------------------------------------------------------------


def test_a_websocket_tells_its_cost_when_it_is_asked(server_of_each_kind: Server) -> None:
    with connected(server_of_each_kind, quiet().path) as ws:
        for _ in range(3):
            ws.send("cost")
            assert list(json.loads(ws.receive(TIMEOUT) or b"")) == ["cost"]


@pytest.mark.parametrize("message", ["costs", "", "COST", b"cost", b""])
def test_a_websocket_refuses_any_other_message(two_workers: Server, message: str | bytes) -> None:
    first, payload = (0x82, message) if isinstance(message, bytes) else (0x81, message.encode())
    with raw(two_workers, quiet().path) as client:
        client.send(frame(first, payload))
        closed = client.receive()
        assert closed.close_code == 1003
        assert closed.close_reason.endswith("cost")


@pytest.mark.parametrize("query", ["", "stream=a", f"{FAST.query}&wait=1", f"{FAST.query}&since=x"])
def test_an_upgrade_with_a_bad_query_is_refused(server_of_each_kind: Server, query: str) -> None:
    answer = ask(server_of_each_kind, request_bytes(f"/events?{query}"))
    assert answer.status == 400
    assert "allowed" in json.loads(answer.text)


DAMAGES: list[tuple[dict[str, str | None], str]] = [
    ({"Upgrade": None}, "HTTP/1.1"),
    ({"Connection": None}, "HTTP/1.1"),
    ({"Connection": None, "Upgrade": None}, "HTTP/1.1"),
    ({"Connection": "keep-alive"}, "HTTP/1.1"),
    ({"Upgrade": "h2c"}, "HTTP/1.1"),
    ({"Upgrade": "websocket, h2c"}, "HTTP/1.1"),
    ({"Sec-WebSocket-Key": None}, "HTTP/1.1"),
    ({"Sec-WebSocket-Key": "short"}, "HTTP/1.1"),
    ({"Sec-WebSocket-Version": None}, "HTTP/1.1"),
    ({"Sec-WebSocket-Version": "12"}, "HTTP/1.1"),
    ({}, "HTTP/1.0"),
]


@pytest.mark.parametrize(("changes", "version"), DAMAGES, ids=str)
@pytest.mark.parametrize("accept", ["*/*", "text/event-stream"])
def test_a_damaged_upgrade_request_gets_the_error_of_echo(
    server_of_each_kind: Server, changes: dict[str, str | None], version: str, accept: str
) -> None:
    changes = {**changes, "Accept": accept}
    here = ask(server_of_each_kind, request_bytes(FAST.path, changes, version=version))
    there = ask(server_of_each_kind, request_bytes("/echo", changes, version=version))
    assert here.status in (400, 426), here
    assert here.status == there.status
    assert here.text.replace('"Path": "/events"', '"Path": "/echo"') == there.text
    assert here.headers.get("Upgrade") == there.headers.get("Upgrade")


# -- Where it is not offered, and where nothing can be counted -----------------------------


def test_without_events_there_is_nothing_at_the_address(start_server: StartServer) -> None:
    server = start_server("gunicorn", EVENTS="false")
    for path in (FAST.path, f"{FAST.path}&wait=1", "/events/clock"):
        assert get(server, path).status == 404
    assert get(server, FAST.path, {"Accept": "text/event-stream"}).status == 404
    assert get(server, FAST.path, {"If-None-Match": 'W/"x"'}).status == 404
    assert ask(server, request_bytes(FAST.path)).status == 404


@each_way
def test_flask_run_counts_nothing_and_says_so(servers: Callable[[str], Server], way: Way) -> None:
    server = servers("flask")
    begin = time_ns() - NANOSECONDS
    (event,) = take(way, server.port, BUSY.query, BUSY.stream.cursor(begin), 1)
    if "cost" in event:
        assert event["cost"] is None
    answer = get(server, BUSY.since(begin))
    assert answered(answer)["cost"] is None
    assert "Echo-Cost" not in answer.headers


# -- Where a wait would harm others ----------------------------------------------------------


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_a_server_with_one_thread_does_not_wait(start_server: StartServer, accept: str) -> None:
    server = start_server("flask", "--without-threads")
    wait = "&wait=60" if accept == "application/json" else ""
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT)) as connection:
        connection.request("GET", SLOW.path + wait, headers={"Accept": accept})
        response = connection.getresponse()
        assert response.status == 500
        assert "one thread" in json.loads(response.read())["detail"]
        # A poll waits for nothing.
        connection.request("GET", SLOW.path)
        assert connection.getresponse().status == 200


def test_a_request_without_a_body_expects_nothing(server: Server) -> None:
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT)) as connection:
        connection.request("GET", BUSY.path, headers={"Expect": "100-continue"})
        response = connection.getresponse()
        assert response.status == 400
        assert "takes no request body" in json.loads(response.read())["detail"]


def test_an_event_stream_names_its_beginning(server: Server) -> None:
    # A browser that loses the connection before the first event comes back with it.
    position = time_ns()
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT)) as connection:
        connection.request("GET", SLOW.path, headers={"Accept": "text/event-stream"})
        response = connection.getresponse()
        assert response.readline() == b": open\n"
        cursor = response.readline().decode().removeprefix("id: ").rstrip("\n")
        assert response.readline() == b"\n"
    assert position <= SLOW.stream.position(cursor) <= time_ns()


def test_a_late_websocket_still_receives(server: Server) -> None:
    with raw(server, BUSY.since(0)) as client:
        client.send(frame(0x81, b"cost"))
        while list(json.loads(client.receive().payload)) != ["cost"]:
            pass
