"""Errors of accept(2): the worker survives them, and says which ones hurt."""

import errno
import os
import selectors
import socket
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config

from flask_echo.worker import LongConnectionWorker
from tests.support.waiting import wait_until

TRANSIENT = [
    errno.EAGAIN,
    errno.ECONNABORTED,
    errno.EINTR,
    errno.ENETDOWN,
    errno.EPROTO,
    errno.ENOPROTOOPT,
    errno.EHOSTDOWN,
    errno.ENONET,
    errno.EHOSTUNREACH,
    errno.EOPNOTSUPP,
    errno.ENETUNREACH,
    errno.EPERM,
]
EXHAUSTED = [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM]


class FakeListener:
    """Fails each time it is asked for a connection."""

    def __init__(self, number: int) -> None:
        self._number = number

    def accept(self) -> Any:
        raise OSError(self._number, os.strerror(self._number))


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def worker(warnings: list[str]) -> Any:
    log = SimpleNamespace(warning=lambda text, *args: warnings.append(text % args))
    worker: Any = LongConnectionWorker(1, os.getpid(), [], None, 30, Config(), log)
    yield worker
    worker.tmp.close()


@pytest.mark.parametrize("number", TRANSIENT, ids=errno.errorcode.get)
def test_a_transient_error_of_accept_changes_nothing(
    worker: Any, warnings: list[str], number: int
) -> None:
    worker.accept(FakeListener(number))
    assert worker.can_accept()
    assert warnings == []


@pytest.mark.parametrize("number", EXHAUSTED, ids=errno.errorcode.get)
def test_without_descriptors_or_memory_accepting_pauses_and_one_line_says_so(
    worker: Any, warnings: list[str], number: int
) -> None:
    for _ in range(3):
        worker.accept(FakeListener(number))
    assert not worker.can_accept()
    assert len(warnings) == 1
    assert os.strerror(number) in warnings[0]


def test_an_error_of_the_listener_itself_is_raised(worker: Any) -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        worker.accept(FakeListener(errno.EBADF))


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
def serving(worker: Any) -> Iterator[Any]:
    """A worker with a poller, whose requests are all for pages and end their connection."""
    worker.poller = selectors.DefaultSelector()
    worker.tpool = worker.get_thread_pool()
    worker.handle = lambda conn: bool(conn.close())
    worker.notify_in_time = lambda: None
    yield worker
    worker.tpool.shutdown()
    worker.poller.close()


def test_a_request_that_came_with_its_connection_gets_a_thread_at_once(
    worker: Any, listener: socket.socket
) -> None:
    given: list[Any] = []
    worker.enqueue_req = given.append  # There is no poller to register with.
    with socket.create_connection(listener.getsockname()) as client:
        client.sendall(b"GET")
        worker.accept(listener)
        assert [conn.data_ready for conn in given] == [True]
        assert given[0].sock.recv(3) == b"GET"
        assert worker.nr_conns == 1
        given[0].close()


def test_a_silent_connection_waits_without_a_thread(serving: Any, listener: socket.socket) -> None:
    with socket.create_connection(listener.getsockname(), 10) as client:
        serving.accept(listener)
        assert [conn.data_ready for conn in serving.pending_conns] == [False]
        client.shutdown(socket.SHUT_WR)
        serving.wait_for_and_dispatch_events(10)
        assert not serving.pending_conns
        assert client.recv(1) == b""


@pytest.mark.parametrize("room", [True, False], ids=["with room", "full"])
def test_the_end_of_a_connection_wakes_the_main_thread_only_if_it_waits_for_room(
    serving: Any, listener: socket.socket, room: bool
) -> None:
    woken = threading.Event()
    serving.method_queue = SimpleNamespace(defer=lambda *_: woken.set())
    serving.worker_connections = 2 if room else 1
    with socket.create_connection(listener.getsockname()) as client:
        client.sendall(b"GET")
        serving.accept(listener)
        if not room:
            assert woken.wait(10)
            return

        def count() -> int:
            serving.wait_for_and_dispatch_events(0)
            return int(serving.nr_conns)

        wait_until(lambda: count() == 0, 10)
        assert not woken.is_set()
