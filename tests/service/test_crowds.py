"""Crowds of silent connections and half headers: pages are answered beside them."""

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from threading import Event, Thread
from time import monotonic, sleep

import pytest

from tests.support.clients import ask
from tests.support.servers import Server, StartServer

pytestmark = pytest.mark.slow

PAGE = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
SMALL = ("--threads", "300", "--worker-connections", "350")


@pytest.fixture(autouse=True)
def open_files() -> Iterator[None]:
    """Allow this process a descriptor for each connection of a crowd."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Crowd(Thread):
    """Many connections that send the same few bytes, and are replaced once they have been cut."""

    def __init__(self, server: Server, size: int, words: bytes) -> None:
        super().__init__()
        self._server, self._size, self._words = server, size, words
        self._over = Event()
        self.is_complete = Event()
        self.start()

    def run(self) -> None:
        with ExitStack() as stack:
            sockets: list[socket.socket] = []
            while not self._over.wait(0.01):
                sockets = [sock for sock in sockets if not has_ended(sock)]
                for _ in range(self._size - len(sockets)):
                    sock = stack.enter_context(socket.socket())
                    sock.settimeout(1)
                    with suppress(OSError):
                        sock.connect(("127.0.0.1", self._server.port))
                        sock.sendall(self._words)
                        sockets.append(sock)
                self.is_complete.set()

    def __enter__(self) -> "Crowd":
        assert self.is_complete.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join(20)


def has_ended(sock: socket.socket) -> bool:
    """Whether the server has cut a connection. Close it then."""
    try:
        sock.setblocking(False)
        if sock.recv(1):
            return False
    except BlockingIOError:
        return False
    except OSError:
        pass
    sock.close()
    return True


def visit(server: Server) -> None:
    """Ask for the page. Try again, as a browser does, if the connection made room for others: on a
    busy machine this process may stand still between connecting and sending."""
    while True:
        with suppress(ConnectionResetError):
            assert ask(server, PAGE).status == 200
            return


# More than the threads, and more than all connections.
@pytest.mark.parametrize("size", [340, 500])
@pytest.mark.parametrize("words", [b"", b"G"], ids=["silent", "half"])
def test_pages_are_answered_beside_a_crowd(
    start_server: StartServer, words: bytes, size: int
) -> None:
    server = start_server("gunicorn", *SMALL, MAX_CONNECTIONS=100)
    slowest = 0.0
    with Crowd(server, size, words):
        for _ in range(20):
            began_at = monotonic()
            visit(server)
            slowest = max(slowest, monotonic() - began_at)
            sleep(0.1)
    # Without a remedy it is ten seconds, the deadline of a header.
    assert slowest < 4
    assert "Traceback" not in server.output()


def test_a_kept_alive_connection_makes_room_too(start_server: StartServer) -> None:
    server = start_server("gunicorn", *SMALL, MAX_CONNECTIONS=100)
    kept_alive = PAGE.replace(b"Connection: close\r\n", b"")
    with ExitStack() as stack:
        for _ in range(360):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 10))
            sock.sendall(kept_alive)
            assert sock.recv(12) == b"HTTP/1.1 200"
        assert ask(server, PAGE).status == 200
    assert "Traceback" not in server.output()
