"""A TCP proxy that keeps every byte of both directions, to compare with what a server has counted.

It notes bytes before it passes them on. So when a client has an answer, all its bytes are noted.
"""

import socket
from contextlib import ExitStack, suppress
from select import select
from threading import Thread

TIMEOUT = 10  # seconds, for what takes no time on one machine


class Passed:
    """The bytes that went through one connection.

    :ivar up: from the client.
    :ivar down: from the server.
    """

    def __init__(self) -> None:
        self.up = bytearray()
        self.down = bytearray()


class CountingProxy:
    """A proxy on a free port of 127.0.0.1, until the context is left.

    :param upstream: a port of 127.0.0.1.
    :ivar connections: what went through each connection, in the order in which they came.
    """

    def __init__(self, upstream: int) -> None:
        self.connections: list[Passed] = []
        self._upstream = upstream
        self._stack = ExitStack()
        self._listener = self._stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.port = int(self._listener.getsockname()[1])
        self._waker, self._woken = socket.socketpair()
        self._stack.callback(self._waker.close)
        self._stack.callback(self._woken.close)
        self._thread = Thread(target=self._relay, name="counting proxy")

    def __enter__(self) -> "CountingProxy":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Cut all connections."""
        self._waker.close()
        self._thread.join(TIMEOUT)
        self._stack.close()
        assert not self._thread.is_alive()

    def _relay(self) -> None:
        # Each socket that is read: where its bytes go, and where they are noted.
        routes: dict[socket.socket, tuple[socket.socket, bytearray]] = {}
        with ExitStack() as stack:
            while True:
                readable = select([self._listener, self._woken, *routes], [], [])[0]
                if self._woken in readable:
                    return
                if self._listener in readable:
                    routes.update(self._connect(stack))
                for source in routes.keys() & set(readable):
                    if not _pass_on(source, *routes[source]):
                        del routes[source]

    def _connect(self, stack: ExitStack) -> dict[socket.socket, tuple[socket.socket, bytearray]]:
        client = stack.enter_context(self._listener.accept()[0])
        address = ("127.0.0.1", self._upstream)
        server = stack.enter_context(socket.create_connection(address, TIMEOUT))
        passed = Passed()
        self.connections.append(passed)
        return {client: (server, passed.up), server: (client, passed.down)}


def _pass_on(source: socket.socket, sink: socket.socket, noted: bytearray) -> bool:
    """Pass on what has arrived, or the end of the stream. Return False at the end."""
    with suppress(OSError):
        if data := source.recv(65536):
            noted += data
            sink.sendall(data)
            return True
        sink.shutdown(socket.SHUT_WR)
    return False
