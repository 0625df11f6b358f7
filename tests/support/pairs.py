"""A connection and its client in one process, over a pair of sockets."""

import socket
import ssl
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from typing import Any

import trustme
from simple_websocket import ConnectionClosed

from flask_echo.websocket.budget import Account, Budget
from flask_echo.websocket.connection import Connection
from flask_echo.websocket.limits import Limits
from flask_echo.websocket.seats import Seat, Seats
from tests.support.clients import RawWebSocket
from tests.support.tls import ClientSocket

Pair = tuple[socket.socket, socket.socket]


def tcp_pair() -> Pair:
    """Two ends of a TCP connection on the loopback interface: the server's and the client's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        return listener.accept()[0], client


def unix_pair() -> Pair:
    """Two ends of a Unix socket, which is served by ``poll``."""
    return socket.socketpair()


@cache
def _tls_contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server)
    client = ssl.create_default_context()
    client.sslsocket_class = ClientSocket
    authority.configure_trust(client)
    return server, client


def tls_pair() -> Pair:
    """Two ends of a TLS session over TCP."""
    plain_server, plain_client = tcp_pair()
    server_context, client_context = _tls_contexts()
    with ThreadPoolExecutor(1) as pool:
        server = pool.submit(server_context.wrap_socket, plain_server, server_side=True)
        client = client_context.wrap_socket(
            plain_client, server_hostname="localhost", suppress_ragged_eofs=False
        )
        return server.result(10), client


def environ(request: bytes) -> dict[str, Any]:
    """What a connection looks at in the WSGI environment of an upgrade request."""
    lines = request.decode("latin-1").split("\r\n")[1:-2]
    headers = dict(line.split(": ", 1) for line in lines)
    return {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}


def echo(connection: Connection) -> None:
    """Return every message, until the connection is closed."""
    while True:
        connection.send(connection.receive())


class Served:
    """A connection that is served by a thread of its own; the test has the other end.

    :param handler: what the thread does with the connection, after the upgrade.
    :param kind: of the connection.
    :param budget: of the connection.
    """

    def __init__(
        self,
        pair: Pair,
        limits: Limits | None = None,
        handler: Callable[[Any], Any] = echo,
        kind: type[Connection] = Connection,
        budget: Budget | None = None,
    ) -> None:
        self.seats = Seats(1)
        self._sock, self.client = pair
        self.client.settimeout(10)
        self._handler = handler
        self._kind = kind
        self._account = Account(budget) if budget is not None else None
        self._pool = ThreadPoolExecutor(1)
        self._ended: Future[Connection] = self._pool.submit(self._serve, limits or Limits())

    def _serve(self, limits: Limits) -> Connection:
        with self.seats.take() as seat, self._sock:
            assert isinstance(seat, Seat)
            request = environ(self._sock.recv(65536))
            connection = self._kind(self._sock, request, limits, account=self._account)
            self.seats.occupy(seat, connection)
            with suppress(ConnectionClosed):
                connection.upgrade()
                self._handler(connection)
                connection.close()
            return connection

    def ended(self, seconds: float = 10) -> Connection:
        """Wait until the thread is free again, and return its connection."""
        return self._ended.result(seconds)

    def __enter__(self) -> "Served":
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.ended()
        self._pool.shutdown()


Open = Callable[..., tuple[RawWebSocket, Served]]
