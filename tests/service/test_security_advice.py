"""The lines for nginx in docs/security.md, in a real nginx in front of a real service."""

import json
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from time import monotonic

import pytest

from tests.support.clients import TIMEOUT, RawWebSocket, frame
from tests.support.nginx import nginx_with
from tests.support.servers import ROOT, Server, StartServer

CLIENT, OTHER = "127.0.0.2", "127.0.0.3"
CONNECTIONS = 100  # of one address, as the lines say
PAGE_REQUESTS = 80  # the page and what it loads, with some to spare


@contextmanager
def advised(server: Server) -> Iterator[int]:
    """Run nginx as advised, on a port of its own."""
    found = re.search(r"```nginx\n(.*?)```", (ROOT / "docs/security.md").read_text(), re.DOTALL)
    assert found
    lines = found[1]
    for advice, here in (("127.0.0.1:8443", "127.0.0.1:PORT"), ("127.0.0.1:8080", "BACKEND")):
        assert advice in lines
        lines = lines.replace(advice, here)
    with nginx_with(lines, server.port) as port:
        yield port


@pytest.fixture
def port(start_server: StartServer) -> Iterator[int]:
    with advised(start_server("gunicorn", TRUSTED_PROXIES=1)) as port:
        yield port


def websocket(port: int, source: str, path: str = "/echo", status: int = 101) -> RawWebSocket:
    sock = socket.create_connection(("127.0.0.1", port), TIMEOUT, source_address=(source, 0))
    return RawWebSocket(sock, path, {"X-Forwarded-For": "203.0.113.7"}, status=status)


def test_one_address_gets_so_many_connections_and_others_come_in(port: int) -> None:
    with ExitStack() as stack:
        for _ in range(CONNECTIONS):
            stack.enter_context(websocket(port, CLIENT))
        websocket(port, CLIENT, status=429).sock.close()
        client = stack.enter_context(websocket(port, OTHER))
        client.send(frame(0x81, b"hello"))
        assert client.receive().payload == b"hello"


def test_a_client_cannot_name_its_own_address(port: int) -> None:
    with websocket(port, CLIENT, "/inspect") as client:
        assert json.loads(client.receive().payload)["peer"]["client"] == CLIENT


def test_the_page_with_all_its_scripts_is_within_the_rate(port: int) -> None:
    for _ in range(PAGE_REQUESTS):
        connection = HTTPConnection("127.0.0.1", port, TIMEOUT, (CLIENT, 0))
        connection.request("GET", "/static/favicon.svg")
        assert connection.getresponse().status == 200
        connection.close()


def test_a_flood_of_requests_is_refused(port: int) -> None:
    def ask(_: int) -> int:
        connection = HTTPConnection("127.0.0.1", port, TIMEOUT, (CLIENT, 0))
        connection.request("GET", "/static/favicon.svg")
        status = connection.getresponse().status
        connection.close()
        return status

    # Many at once, and for as long as it takes: on a busy machine, one after the other may be
    # slower than the rate.
    statuses: set[int] = set()
    with ThreadPoolExecutor(20) as pool:
        deadline = monotonic() + 60
        while 429 not in statuses and monotonic() < deadline:
            statuses.update(pool.map(ask, range(400)))
    assert statuses == {200, 429}
