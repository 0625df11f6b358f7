"""Observers: what an application may learn of its WebSockets, on a real server."""

import sys

import pytest

from tests.support.clients import close_frame, frame, raw
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
    wait_until(lambda: len(told(observed)) == 4)
    assert told(observed) == ["upgrading /echo", "transport", "opening 101", "closed 1000 seats 0"]


def test_frames_that_came_with_the_request_are_observed(observed: Server) -> None:
    with raw(observed, "/echo", early=frame(0x81, b"early")):
        wait_until(lambda: "read ahead 11" in told(observed))


def test_a_refusal_is_observed(observed: Server) -> None:
    raw(observed, "/echo", {"Sec-WebSocket-Version": "12"}, status=426).__exit__()
    raw(observed, "/echo", {"Sec-WebSocket-Key": "bad"}, status=400).__exit__()
    wait_until(lambda: told(observed) == ["refused 426", "refused 400"])


def test_an_observer_that_fails_harms_no_connection(observed: Server) -> None:
    with raw(observed, "/echo") as client:
        client.send(frame(0x81, b"hello"))
        assert client.receive().payload == b"hello"
    raw(observed, "/echo", {"Sec-WebSocket-Version": "12"}, status=426).__exit__()
    # One for the upgrade request, three for its watch, one for the refusal.
    wait_until(lambda: observed.output().count("An observer of WebSockets failed.") == 5)
