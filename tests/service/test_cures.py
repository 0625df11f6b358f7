"""Each cure for a proxy that does not pass upgrades on works, pasted as it is."""

import socket

import pytest

from flask_echo.websocket.cures import PASS_UPGRADES_ON
from tests.support.clients import TIMEOUT, RawWebSocket, frame, request_bytes
from tests.support.products import PRODUCTS, proxy
from tests.support.servers import Server

pytestmark = pytest.mark.slow


def status(port: int) -> bytes:
    """The status of the response to an upgrade request."""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as sock:
        sock.sendall(request_bytes("/echo"))
        return sock.recv(4096).split(b" ")[1]


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_cure_makes_a_forgetful_proxy_pass_upgrades_on(server: Server, product: str) -> None:
    with proxy(product, PRODUCTS[product].forgetful, server.port) as port:
        assert status(port) == b"426"
    with proxy(product, PASS_UPGRADES_ON[product], server.port) as port:
        sock = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        with RawWebSocket(sock, "/echo") as client:
            client.send(frame(0x81, b"through"))
            assert client.receive().payload == b"through"
