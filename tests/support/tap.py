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

    def accept(self) -> None:
        """Carry connections until :meth:`close`."""
        with suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                server = socket.create_connection(("127.0.0.1", self._upstream))
                tapped = Tapped()
                self.connections.append(tapped)
                for source, target, kept in (
                    (client, server, tapped.request),
                    (server, client, tapped.response),
                ):
                    Thread(target=_carry, args=(source, target, kept), daemon=True).start()

    def close(self) -> None:
        """Accept nothing more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


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
        listening.close()
        thread.join()
