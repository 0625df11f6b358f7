"""A worker that gets no more threads, or no more memory, refuses one connection at a time."""

import os
import re
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from flask_echo.pool import BIRTH_SECONDS
from tests.support.clients import RawWebSocket, ask, frame, health, raw, request_bytes
from tests.support.servers import Server, StartServer
from tests.support.waiting import wait_until

PAGE = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
PIDS = Path("/sys/fs/cgroup/pids")

# A thread may find no memory for its first step. Its request waits so long for an answer.
PATIENCE_SECONDS = BIRTH_SECONDS + 10

Limit = Callable[[int], AbstractContextManager[None]]


def threads_of(worker: int) -> int:
    """Return how many threads a process has."""
    return len(os.listdir(f"/proc/{worker}/task"))


@contextmanager
def limited(worker: int, kind: int, count: int) -> Iterator[None]:
    """Lower a resource limit of a running process."""
    before = resource.prlimit(worker, kind)
    resource.prlimit(worker, kind, (count, before[1]))
    try:
        yield
    finally:
        resource.prlimit(worker, kind, before)


@contextmanager
def few_processes(worker: int) -> Iterator[None]:
    """Do nothing: the user that the worker has become may have few threads from the start."""
    yield


@contextmanager
def few_tasks(worker: int) -> Iterator[None]:
    """Put the process into a cgroup that may have two more threads."""
    group = PIDS / f"flask-echo-test-{worker}"
    before = re.search(r"pids:(.*)", Path(f"/proc/{worker}/cgroup").read_text())
    if before is None or not os.access(PIDS, os.W_OK):
        pytest.skip("there is no cgroup (v1) for process numbers that this user may divide")
    group.mkdir()
    try:
        (group / "pids.max").write_text(str(threads_of(worker) + 2))
        (group / "cgroup.procs").write_text(str(worker))
        yield
        (group / "pids.max").write_text("max")
    finally:
        with suppress(ProcessLookupError):  # A worker that has ended is in no group.
            Path(f"{PIDS}{before[1]}", "cgroup.procs").write_text(str(worker))
        group.rmdir()


@contextmanager
def little_memory(worker: int) -> Iterator[None]:
    """Leave the process as much address space as it has."""
    size = re.search(r"VmSize:\s+(\d+) kB", Path(f"/proc/{worker}/status").read_text())
    assert size is not None
    with limited(worker, resource.RLIMIT_AS, int(size[1]) * 1024):
        yield


def start(start_server: StartServer, limit: object) -> tuple[Server, int]:
    """Start a server, as another user if root would not be limited, and return its worker."""
    if limit is few_processes and os.getuid() != 0:
        pytest.skip("only root can become a user without other processes")
    kind = ("--worker-class", "tests.support.counting.OrdinaryWorker")
    server = start_server(
        "gunicorn", *(kind if limit is few_processes else ()), PING_INTERVAL_SECONDS=0
    )
    assert ask(server, PAGE).status == ask(server, PAGE).status == 200, server.describe()
    server.await_output("Booting worker with pid:")
    booted = re.search(r"Booting worker with pid: (\d+)", server.output())
    assert booted is not None
    return server, int(booted[1])


def first_line_of_upgrade(server: Server, stack: ExitStack) -> bytes:
    """Ask for a WebSocket that stays open. Return the start of the response, or nothing."""
    sock = stack.enter_context(
        socket.create_connection(("127.0.0.1", server.port), PATIENCE_SECONDS)
    )
    with suppress(ConnectionError):
        sock.sendall(request_bytes())
        return sock.recv(12)
    return b""


def opens(server: Server) -> bool:
    """Whether a new WebSocket can be opened."""
    with ExitStack() as stack:
        return first_line_of_upgrade(server, stack) == b"HTTP/1.1 101"


def shows_page(server: Server) -> bool:
    """Whether the server responds with its page."""
    with suppress(OSError):
        return ask(server, PAGE).status == 200
    return False


def echoes(client: RawWebSocket) -> bool:
    """Whether a WebSocket returns a message."""
    client.send(frame(0x81, b"still here"))
    return client.receive().payload == b"still here"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("limit", [few_tasks, few_processes, little_memory])
def test_without_threads_a_connection_gets_503_and_the_others_go_on(
    start_server: StartServer, limit: Limit
) -> None:
    server, worker = start(start_server, limit)
    with ExitStack() as stack:
        clients = [stack.enter_context(raw(server)) for _ in range(20)]
        ask(server, PAGE)
        with limit(worker), ExitStack() as crowd:
            lines = [first_line_of_upgrade(server, crowd) for _ in range(25)]
            assert set(lines) <= {b"HTTP/1.1 101", b"HTTP/1.1 503", b"HTTP/1.1 500", b""}
            assert lines[-1] in (b"HTTP/1.1 503", b"")
            assert all(map(echoes, clients))
            # Without memory, a thread to spare may be one that never begins.
            if limit is not little_memory:
                assert lines[-1] == b"HTTP/1.1 503"
                # A few threads are left for pages, however many connections ask for one.
                page = ask(server, PAGE)
                assert page.status == 200, server.describe()
                assert all(map(echoes, clients))
        wait_until(lambda: opens(server), 20, server.describe)
        assert all(map(echoes, clients))
    wait_until(lambda: health(server)["seats_taken"] == 0, 20, server.describe)
    server.await_output("Cannot start a thread")
    assert "Worker exiting" not in server.output()


def test_without_memory_at_all_the_worker_survives(start_server: StartServer) -> None:
    server, worker = start(start_server, little_memory)
    big = frame(0x82, bytes(2**20))
    with ExitStack() as stack:
        clients = [stack.enter_context(raw(server)) for _ in range(10)]
        with little_memory(worker):
            for _ in range(3):
                victims = [
                    stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 5))
                    for _ in range(100)
                ]
                for sock in victims:
                    with suppress(OSError):
                        sock.sendall(request_bytes())
                        sock.sendall(big)
                wait_until(lambda: "Cannot start a thread" in server.output(), 20, server.describe)
        wait_until(lambda: shows_page(server), PATIENCE_SECONDS, server.describe)
        assert all(map(echoes, clients))
    wait_until(lambda: health(server)["seats_taken"] == 0, 20, server.describe)
    assert "Worker exiting" not in server.output()
