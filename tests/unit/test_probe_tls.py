"""The TLS connection of the probe, which two threads use at once."""

import socket
import ssl
import threading
from collections.abc import Iterator

import pytest
import trustme

from flask_echo.probe.tls import TurnTakingSocket

PIECE = b"x" * 4096
PIECES = 3000
SECONDS = 20


@pytest.fixture
def pair() -> Iterator[tuple[TurnTakingSocket, ssl.SSLSocket]]:
    """The client's end of a TLS connection over loopback, and the server's."""
    authority = trustme.CA()
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(server_context)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    context.sslsocket_class = TurnTakingSocket
    with socket.create_server(("127.0.0.1", 0)) as listener:
        raw = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
    served: list[ssl.SSLSocket] = []
    accept = threading.Thread(
        target=lambda: served.append(server_context.wrap_socket(accepted, server_side=True))
    )
    accept.start()
    client = context.wrap_socket(raw, server_hostname="localhost")
    accept.join()
    assert isinstance(client, TurnTakingSocket)
    client.take_turns()
    with client, served[0]:
        yield client, served[0]


def test_one_thread_reads_while_another_sends(
    pair: tuple[TurnTakingSocket, ssl.SSLSocket],
) -> None:
    client, server = pair
    client.settimeout(SECONDS)
    echo = threading.Thread(target=_echo, args=(server,))
    echo.start()
    sender = threading.Thread(target=_send, args=(client,))
    sender.start()
    received = 0
    while received < PIECES * len(PIECE):
        data = client.recv(65536)
        assert data.strip(b"x") == b""
        assert data
        received += len(data)
    sender.join()
    client.shutdown(socket.SHUT_RDWR)
    echo.join()
    assert received == PIECES * len(PIECE)


def _send(client: TurnTakingSocket) -> None:
    for _ in range(PIECES):
        client.sendall(PIECE)


def _echo(server: ssl.SSLSocket) -> None:
    try:
        while data := server.recv(65536):
            server.sendall(data)
    except OSError:
        pass  # The client dropped TLS without a goodbye.


def test_a_call_waits_no_longer_than_its_time_out(
    pair: tuple[TurnTakingSocket, ssl.SSLSocket],
) -> None:
    client, _ = pair
    client.settimeout(0.05)
    with pytest.raises(TimeoutError):
        client.recv(1)
    with pytest.raises(TimeoutError):
        client.sendall(bytes(64 * 1024 * 1024))


def test_a_shutdown_wakes_a_reader(pair: tuple[TurnTakingSocket, ssl.SSLSocket]) -> None:
    client, _ = pair
    client.settimeout(None)
    ended = threading.Event()

    def read() -> None:
        assert client.recv(1) == b""
        ended.set()

    reader = threading.Thread(target=read)
    reader.start()
    client.shutdown(socket.SHUT_RDWR)
    assert ended.wait(SECONDS)
    reader.join()
