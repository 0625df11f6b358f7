"""Observers: what an application may learn of its WebSockets, on a real server."""

import sys

import pytest

from tests.support.clients import ask, close_frame, frame, raw
from tests.support.servers import Server, StartServer, free_port
from tests.support.waiting import wait_until


@pytest.fixture
def observed(start_server: StartServer) -> Server:
    """An application whose observers print what they learn."""
    port = free_port()
    words = [
        *(sys.executable, "-m", "gunicorn", "--config", "python:flask_echo.gunicorn_conf"),
        *("--bind", f"127.0.0.1:{port}", "tests.support.observed:app()"),
    ]
    return start_server("gunicorn", words=words, port=port, health="/")


def told(server: Server) -> list[str]:
    """What the good observer has printed, in order."""
    lines = server.output().splitlines()
    return [line.removeprefix("observed: ") for line in lines if line.startswith("observed: ")]


def test_a_connection_is_observed_from_the_request_to_the_end(observed: Server) -> None:
    with raw(observed, "/echo") as client:
        client.send(frame(0x81, b"hello"))
        assert client.receive().payload == b"hello"
        client.send(close_frame(1000))
        client.receive()
    wait_until(lambda: len(told(observed)) == 6)
    assert told(observed) == [
        *("upgrading /echo", "transport", "opening 101"),
        *("closed 1000 seats 0", "first close client 1000", "received 5"),
    ]


def test_frames_that_came_with_the_request_are_observed(observed: Server) -> None:
    with raw(observed, "/echo", early=frame(0x81, b"early")):
        wait_until(lambda: "read ahead 11" in told(observed))


def test_a_refusal_is_observed(observed: Server) -> None:
    raw(observed, "/echo", {"Sec-WebSocket-Version": "12"}, status=426).__exit__()
    raw(observed, "/echo", {"Sec-WebSocket-Key": "bad"}, status=400).__exit__()
    expected = ["refused 426", "failed /echo 426", "refused 400", "failed /echo 400"]
    wait_until(lambda: told(observed) == expected)


def test_each_error_at_the_address_of_a_websocket_is_observed_once(observed: Server) -> None:
    raw(observed, "/guarded", status=401).__exit__()
    raw(observed, "/broken", status=500).__exit__()
    for method, path, status in [
        *(("GET", "/guarded", 426), ("POST", "/echo", 405)),
        *(("GET", "/elsewhere", 404), ("POST", "/", 405), ("GET", "/", 200)),
    ]:
        request = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        assert ask(observed, request.encode()).status == status
    expected = [
        *("failed /guarded 401", "failed /broken 500"),
        *("refused 426", "failed /guarded 426", "refused 405", "failed /echo 405"),
    ]
    wait_until(lambda: told(observed) == expected, describe=lambda: str(told(observed)))


def test_an_observer_that_fails_harms_no_connection(observed: Server) -> None:
    with raw(observed, "/echo") as client:
        client.send(frame(0x81, b"hello"))
        assert client.receive().payload == b"hello"
    raw(observed, "/echo", {"Sec-WebSocket-Version": "12"}, status=426).__exit__()
    # One for the upgrade request, three for its watch, two for the refusal.
    wait_until(lambda: observed.output().count("An observer of WebSockets failed.") == 6)
