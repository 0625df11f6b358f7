"""gunicorn's master kills a worker that is stuck, and none that is busy."""

import os
import re
import signal
import socket
from contextlib import ExitStack

import pytest

from tests.support.apps import COMPUTING_THREADS
from tests.support.clients import ask, frame, health, raw
from tests.support.servers import Server, StartServer
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

TIMEOUT = ("--timeout", "3")
PAGE = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
COMPUTE = b"GET /compute HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def worker_of(server: Server) -> int:
    """Return the process id of the youngest worker."""
    server.await_output("Booting worker with pid:")
    return int(re.findall(r"Booting worker with pid: (\d+)", server.output())[-1])


def test_a_worker_whose_threads_compute_for_longer_than_the_timeout_is_not_killed(
    start_server: StartServer,
) -> None:
    busy_app = {"app": "tests.support.apps:busy()", "health": "/", "PING_INTERVAL_SECONDS": 0}
    # Shorter than the turn of all threads. The main thread may wait for a lock for one more.
    server = start_server("gunicorn", "--timeout", "5", **busy_app)
    with ExitStack() as stack:
        client = stack.enter_context(raw(server, "/ws"))
        busy = [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 60))
            for _ in range(COMPUTING_THREADS)
        ]
        for sock in busy:
            sock.sendall(COMPUTE)
        for sock in busy:
            sock.recv(1)  # The response deadline may have cut some of them.
        client.send(frame(0x81, b"still here"))
        assert client.receive().payload == b"still here"
    assert "WORKER TIMEOUT" not in server.output()


@pytest.mark.parametrize("kind", ["StuckWorker", "SpinningWorker", "SleepingWorker"])
def test_a_worker_whose_main_loop_stands_still_is_replaced(
    start_server: StartServer, kind: str
) -> None:
    kind = f"tests.support.counting.{kind}"
    server = start_server("gunicorn", *TIMEOUT, "--worker-class", kind)
    first = worker_of(server)
    health(server)
    ask(server, PAGE)
    wait_until(lambda: "stands still" in server.output())
    wait_until(lambda: "WORKER TIMEOUT" in server.output(), 10, server.describe)
    wait_until(lambda: worker_of(server) != first, 10, server.describe)
    assert health(server)["status"] == "ok"


def test_a_worker_that_is_stopped_is_replaced(start_server: StartServer) -> None:
    server = start_server("gunicorn", *TIMEOUT)
    first = worker_of(server)
    os.kill(first, signal.SIGSTOP)
    wait_until(lambda: worker_of(server) != first, 15, server.describe)
    assert health(server)["status"] == "ok"
