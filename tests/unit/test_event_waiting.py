"""A thread that waits for the next event of a stream, on the socket of its request."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from threading import Thread
from typing import Any

import pytest

from flask_echo.events import waiting
from flask_echo.events.waiting import Waiter
from flask_echo.websocket.limits import Limits

LONG = 3600.0
LIMITS = Limits()


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The server's end of a TCP connection, and the client's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    with server, client:
        yield server, client


def waiter(sock: socket.socket, **limits: Any) -> Waiter:
    return Waiter(sock, lambda seconds, is_new: True, replace(LIMITS, **limits))


def test_time_passes(ends: tuple[socket.socket, socket.socket]) -> None:
    assert waiter(ends[0]).wait(0.01)


def test_input_does_not_end_the_wait(ends: tuple[socket.socket, socket.socket]) -> None:
    server, client = ends
    client.sendall(b"GET / HTTP/1.1\r\n")  # the next request, sent early
    assert waiter(server).wait(0.01)


def test_the_end_of_the_client_ends_the_wait(ends: tuple[socket.socket, socket.socket]) -> None:
    server, client = ends
    client.sendall(b"unread")
    client.close()
    assert not waiter(server).wait(LONG)


@pytest.mark.parametrize("end", ["wake", "close"])
def test_the_server_ends_the_wait_and_can_still_send(
    ends: tuple[socket.socket, socket.socket], end: str
) -> None:
    server, client = ends
    waits = waiter(server)
    answers: list[bool] = []
    thread = Thread(target=lambda: answers.append(waits.wait(LONG)))
    thread.start()
    getattr(waits, end)()
    thread.join(10)
    assert answers == [False]
    assert waits.ended
    server.sendall(b"the last words")
    assert client.recv(100) == b"the last words"


def test_a_cut_frees_a_thread_whose_client_does_not_read(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    server, _ = ends
    errors: list[OSError] = []

    def write() -> None:
        try:
            while True:
                server.sendall(bytes(2**20))
        except OSError as error:
            errors.append(error)

    thread = Thread(target=write)
    thread.start()
    waiter(server).cut()
    thread.join(10)
    assert len(errors) == 1


def test_silence_has_a_limit(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(waiting, "monotonic", lambda: now)
    waits = waiter(ends[0], idle_timeout_seconds=10)
    now += 9
    assert waits.wait(0)
    waits.note_event()
    now += 9
    assert waits.wait(0)
    now += 1
    assert not waits.wait(0)


def test_the_lifetime_has_a_limit_and_at_most_a_fifth_less(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(waiting, "monotonic", lambda: now)
    waits = waiter(ends[0], max_lifetime_seconds=10)
    for _ in range(7):
        now += 1
        waits.note_event()
        assert waits.wait(0)
    now += 3
    waits.note_event()
    assert not waits.wait(0)


def test_a_wait_is_no_longer_than_a_limit_leaves(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    def extend(seconds: float, is_new: bool) -> bool:
        asked.append(seconds)
        return not is_new

    monkeypatch.setattr(waiting, "monotonic", lambda: 100.0)
    limits = replace(LIMITS, idle_timeout_seconds=0.1)
    assert Waiter(ends[0], extend, limits).wait(LONG)
    assert asked == [pytest.approx(0.1)]


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux has it")
@pytest.mark.parametrize(("interval", "expected"), [(20, 40_000), (0, 0)])
def test_a_client_that_vanishes_is_given_up_as_one_that_answers_no_ping(
    ends: tuple[socket.socket, socket.socket], interval: float, expected: int
) -> None:
    waiter(ends[0], ping_interval_seconds=interval, ping_timeout_seconds=20)
    assert ends[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == expected
