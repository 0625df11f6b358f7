"""How long the head of a request may be: for the service, and for any application."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clients import ask, raw
from tests.support.servers import Server, StartServer, command

# gunicorn's defaults: 100 fields of 8190 bytes.
LONGEST_FIELDS = b"".join(b"X-%02d: %s\r\n" % (i, b"a" * 8180) for i in range(95))

APP = """
def app(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", "12")])
    return [b"%12d" % (len(body) + len(environ.get("HTTP_X_00", "")))]
"""


@pytest.fixture(scope="module")
def service() -> Iterator[Server]:
    server = Server("gunicorn")
    yield server
    server.stop()


@pytest.mark.parametrize(
    ("head", "status", "reason"),
    [
        (b"Cookie: " + b"c" * 8180 + b"\r\n", 200, ""),
        (b"".join(b"X-%d: 1\r\n" % i for i in range(60)), 200, ""),
        (b"Cookie: " + b"c" * 8300 + b"\r\n", 431, "field"),
        (b"".join(b"X-%d: 1\r\n" % i for i in range(70)), 431, "fields"),
        (LONGEST_FIELDS, 431, "more than 32768 bytes"),
    ],
    ids=["long-cookie", "many-fields", "too-long", "too-many", "too-long-together"],
)
def test_the_service_takes_the_headers_of_browsers(
    service: Server, head: bytes, status: int, reason: str
) -> None:
    answer = ask(service, b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n")
    assert answer.status == status
    assert reason in answer.text


def test_the_service_refuses_an_address_that_is_too_long(service: Server) -> None:
    answer = ask(service, b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 5000))
    assert answer.status == 414


def test_an_upgrade_request_may_have_a_long_cookie(service: Server) -> None:
    with raw(service, changes={"Cookie": "c" * 8100}) as ws:
        assert b" 101 " in ws.head


def test_another_application_gets_what_gunicorn_allows_by_default(
    start_server: StartServer, tmp_path: Path
) -> None:
    (tmp_path / "own.py").write_text(APP)
    arguments = ["--config", "python:flask_echo.gunicorn_conf", "--pythonpath", str(tmp_path)]
    words = command("gunicorn", *arguments, app="own:app")
    server = start_server("gunicorn", words=words, health="/")
    first = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n" + LONGEST_FIELDS + b"\r\n"
    with socket.create_connection(("127.0.0.1", server.port), 10) as sock:
        # Two requests on one connection: each has a long head, and a body that is longer still.
        for _ in range(2):
            sock.sendall(first)
            sock.sendall(bytes(900_000))
        answers = b""
        while answers.count(b"908180") < 2:
            data = sock.recv(65536)
            assert data, answers
            answers += data
    assert answers.count(b" 200 OK") == 2
