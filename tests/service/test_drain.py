"""A worker that stops serves pages until its last WebSocket has ended, and in a reload none."""

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from http.client import HTTPException
from threading import Thread

import pytest

from tests.support.clients import Answer, ask, close_frame, frame, raw, request_bytes
from tests.support.servers import Server, StartServer
from tests.support.waiting import wait_until

pytestmark = pytest.mark.also_over_tls

KEPT_ALIVE = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
LIVE = b"GET /healthz/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def was_not_killed(server: Server) -> bool:
    """Whether no process of the server had to be killed."""
    return "SIGKILL" not in server.output() and "Traceback" not in server.output()


@pytest.mark.parametrize("workers", [1, 3])
def test_a_stopping_server_answers_pages_and_probes_until_the_last_goodbye(
    start_server: StartServer, stack: ExitStack, workers: int
) -> None:
    server = start_server("gunicorn", "--workers", str(workers), CLOSE_TIMEOUT_SECONDS=20)
    # One in each worker, most probably. A worker without a WebSocket stops at once.
    clients = [stack.enter_context(raw(server)) for _ in range(10 * workers)]
    server.process.send_signal(signal.SIGTERM)
    for client in clients:
        assert client.receive().close_code == 1001
    for _ in range(10):
        page: Answer = ask(server, KEPT_ALIVE)
        assert page.status == 200
        # A worker without a WebSocket may answer before it has heard of the stop.
        assert page.headers["Connection"] == "close" or workers > 1
        assert ask(server, HEALTH).status == 503
        assert ask(server, LIVE).status == 200
        assert ask(server, request_bytes()).status == 503
    for client in clients:
        client.send(close_frame(1001))
        assert client.rest() == b""
        client.sock.close()
    assert server.process.wait(20) == 0
    assert was_not_killed(server), server.output()


def test_pages_that_never_cease_do_not_prolong_a_stop(start_server: StartServer) -> None:
    server = start_server("gunicorn", CLOSE_TIMEOUT_SECONDS=6)
    statuses = []

    def request_for_ever() -> None:
        with suppress(OSError, HTTPException):  # The last one may be cut.
            while True:
                statuses.append(ask(server, KEPT_ALIVE).status)

    visitors = [Thread(target=request_for_ever) for _ in range(4)]
    with raw(server) as client:
        for visitor in visitors:
            visitor.start()
        server.process.send_signal(signal.SIGTERM)
        assert client.receive().close_code == 1001  # It does not answer.
        before = len(statuses)
        wait_until(lambda: len(statuses) > before + 10)
        assert server.process.wait(20) == 0
    for visitor in visitors:
        visitor.join(20)
    assert set(statuses) == {200}
    assert was_not_killed(server), server.output()


def test_silent_connections_that_arrive_during_a_stop_do_not_prolong_it(
    start_server: StartServer, stack: ExitStack
) -> None:
    server = start_server("gunicorn", CLOSE_TIMEOUT_SECONDS=6)
    client = stack.enter_context(raw(server))
    server.process.send_signal(signal.SIGTERM)
    assert client.receive().close_code == 1001
    for _ in range(20):
        stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
    assert server.process.wait(20) == 0
    assert was_not_killed(server), server.output()


@pytest.mark.parametrize("workers", [1, 2])
def test_no_upgrade_is_refused_during_a_reload(
    start_server: StartServer, stack: ExitStack, workers: int
) -> None:
    patient = ("--worker-class", "tests.support.counting.PatientWorker")
    server = start_server("gunicorn", *patient, "--workers", str(workers), CLOSE_TIMEOUT_SECONDS=3)
    # They do not answer the Close frame, so that the old workers stay for three seconds.
    old = [stack.enter_context(raw(server)) for _ in range(5 * workers)]
    server.process.send_signal(signal.SIGHUP)
    ended_at = time.monotonic() + 5
    count = 0
    while time.monotonic() < ended_at:
        with raw(server) as client:  # It asserts the status 101.
            client.send(frame(0x81, b"hello"))
            assert client.receive().payload in (b"hello", b"\x03\xe9going away")
        count += 1
    assert count > 20
    assert all(client.receive().close_code == 1001 for client in old)
    wait_until(lambda: server.output().count("Worker exiting") == workers, 20, server.describe)
    assert was_not_killed(server), server.output()
