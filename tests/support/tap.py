"""A TCP proxy that keeps what passes through it, for each connection and direction."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread

# Of each direction of a connection.
MOST_BYTES = 4 * 2**20


class Tapped:
    """What passed through one connection: from the client, and from the server."""

    def __init__(self) -> None:
        self.request = bytearray()
        self.response = bytearray()


class Tap:
    """Where a tap listens, and what it has kept.

    :ivar port: on 127.0.0.1.
    :ivar connections: in the order in which they came.
    """

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.connections: list[Tapped] = []
        self._sockets: list[socket.socket] = []
        self._threads: list[Thread] = []

    def accept(self) -> None:
        """Carry connections until :meth:`stop`."""
        with suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                server = socket.create_connection(("127.0.0.1", self._upstream))
                self._sockets += (client, server)
                tapped = Tapped()
                self.connections.append(tapped)
                self._start(client, server, tapped.request)
                self._start(server, client, tapped.response)

    def _start(self, source: socket.socket, target: socket.socket, kept: bytearray) -> None:
        thread = Thread(target=_carry, args=(source, target, kept))
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        """Accept nothing more. The thread of :meth:`accept` ends."""
        self._listener.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Cut what is still open."""
        self._listener.close()
        for sock in self._sockets:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for sock in self._sockets:
            sock.close()


def _carry(source: socket.socket, target: socket.socket, kept: bytearray) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            kept += data[: MOST_BYTES - len(kept)]
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def tap(upstream: int) -> Iterator[Tap]:
    """Listen in front of a port of 127.0.0.1."""
    listening = Tap(upstream)
    thread = Thread(target=listening.accept)
    thread.start()
    try:
        yield listening
    finally:
        listening.stop()
        thread.join()
        listening.close()
