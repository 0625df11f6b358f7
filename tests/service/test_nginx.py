"""Behind a real nginx: configured right, without what an upgrade needs, and short of patience."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from typing import Any

import pytest

from tests.support.clients import TIMEOUT, UPGRADE, RawWebSocket, frame
from tests.support.nginx import FORGETFUL, IMPATIENT, RIGHT, nginx
from tests.support.servers import Server, StartServer

CLIENT = "127.0.0.2"  # on this machine too, but not the address that nginx connects from


@contextmanager
def connected(port: int, path: str = "/echo", **headers: str) -> Iterator[RawWebSocket]:
    """A WebSocket from CLIENT; underscores in names of headers stand for hyphens."""
    changes = {name.replace("_", "-"): value for name, value in headers.items()}
    sock = socket.create_connection(("127.0.0.1", port), TIMEOUT, source_address=(CLIENT, 0))
    with RawWebSocket(sock, path, changes) as client:
        yield client


def report(port: int, **headers: str) -> dict[str, Any]:
    """What /inspect says."""
    with connected(port, "/inspect", **headers) as client:
        told = dict(json.loads(client.receive().payload))
        assert client.receive().close_code == 1000
        return told


def test_a_conversation_passes(server: Server) -> None:
    with nginx(server.port, RIGHT) as port, connected(port) as client:
        client.send(frame(0x81, b"hello"))
        assert client.receive().payload == b"hello"


def test_the_report_names_the_client_behind_a_trusted_nginx(start_server: StartServer) -> None:
    server = start_server("gunicorn", TRUSTED_PROXIES=1)
    with nginx(server.port, RIGHT) as port:
        peer = report(port)["peer"]
    assert peer["address"] == "127.0.0.1"
    assert peer["client"] == CLIENT
    hop = {"header": "X-Forwarded-For", "address": CLIENT, "trusted": True}
    assert hop in peer["forwarded"]


def test_the_report_believes_only_what_the_trusted_nginx_added(start_server: StartServer) -> None:
    server = start_server("gunicorn", TRUSTED_PROXIES=1)
    with nginx(server.port, RIGHT) as port:
        peer = report(port, X_Forwarded_For="203.0.113.7")["peer"]
    assert peer["client"] == CLIENT
    hops = [hop for hop in peer["forwarded"] if hop["header"] == "X-Forwarded-For"]
    assert [(hop["address"], hop["trusted"]) for hop in hops] == [
        ("203.0.113.7", False),
        (CLIENT, True),
    ]


def test_the_report_names_nginx_where_it_is_not_trusted(server: Server) -> None:
    with nginx(server.port, RIGHT) as port:
        told = report(port)
    assert told["peer"]["client"] == told["peer"]["address"] == "127.0.0.1"
    assert ["X-Forwarded-For", CLIENT] in told["request"]["headers"]


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_forgetful_nginx_is_named_with_its_cure(server: Server, version: str) -> None:
    directives = f"{FORGETFUL} proxy_http_version {version};"
    with (
        nginx(server.port, directives) as port,
        closing(HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)) as connection,
    ):
        connection.request("GET", "/echo", headers=UPGRADE)
        response = connection.getresponse()
        problem = json.load(response)
    assert response.status == problem["status"] == 426
    assert response.headers.get_content_type() == "application/problem+json"
    assert problem["arrived"]["Upgrade"] is None
    assert "Upgrade: websocket" in problem["missing"]
    assert "proxy" in problem["advice"]
    cure = problem["cure"]["nginx"]
    assert "proxy_set_header Upgrade $http_upgrade" in cure
    assert "proxy_set_header Connection" in cure
    assert "proxy_http_version 1.1" in cure


def test_an_impatient_nginx_cuts_a_silent_connection(server: Server) -> None:
    with nginx(server.port, IMPATIENT) as port, connected(port) as client:
        assert client.rest() == b""


def test_pings_keep_a_connection_through_an_impatient_nginx(start_server: StartServer) -> None:
    server = start_server("gunicorn", PING_INTERVAL_SECONDS=0.5)
    with nginx(server.port, IMPATIENT) as port, connected(port) as client:
        # Six pings take three seconds, nginx's patience is two.
        for _ in range(6):
            assert client.receive().first == 0x89
            client.send(frame(0x8A))
        client.send(frame(0x81, b"still here"))
        while (answer := client.receive()).first == 0x89:
            pass
        assert answer.payload == b"still here"


@pytest.mark.parametrize("trusted", [0, 1])
def test_a_page_behind_nginx_is_of_the_same_site(start_server: StartServer, trusted: int) -> None:
    server = start_server("gunicorn", TRUSTED_PROXIES=trusted)
    with nginx(server.port, RIGHT) as port:
        own = f"localhost:{port}"
        told = report(port, Host=own, Origin=f"http://{own}")
        with connected_refused(port, Origin="https://evil.example") as head:
            assert head.startswith(b"HTTP/1.1 403 ")
    assert ["Origin", f"http://{own}"] in told["request"]["headers"]


@contextmanager
def connected_refused(port: int, **headers: str) -> Iterator[bytes]:
    """The head of the response to an upgrade request at /inspect that is refused."""
    sock = socket.create_connection(("127.0.0.1", port), TIMEOUT)
    with RawWebSocket(sock, "/inspect", headers, status=403) as client:
        yield client.head
