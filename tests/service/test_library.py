"""The library in another application, on both servers and over TLS."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPException
from threading import Thread
from urllib.request import urlopen

import pytest

from tests.support.clients import (
    TIMEOUT,
    ask,
    close_frame,
    connected,
    deflated,
    frame,
    raw,
    request_bytes,
)
from tests.support.servers import Server, StartServer
from tests.support.waiting import wait_until

HOST_APP = "tests.support.embedded:app"
CONFIG = ("--config", "python:flask_echo.gunicorn_conf")
PAGE = b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@contextmanager
def host_app(kind: str, certificate: list[str] | None = None) -> Iterator[Server]:
    """Serve the host application."""
    arguments = list(CONFIG) if kind == "gunicorn" else []
    if certificate and kind == "gunicorn":
        arguments += certificate
    elif certificate:
        arguments += ["--cert", certificate[1], "--key", certificate[3]]
    server = Server(kind, *arguments, app=HOST_APP)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module", params=["gunicorn", "flask", "gunicorn-tls", "flask-tls"])
def host(request: pytest.FixtureRequest, certificate: list[str]) -> Iterator[Server]:
    """The host application under each server, plain and over TLS."""
    kind, _, tls = request.param.partition("-")
    with host_app(kind, certificate if tls else None) as server:
        yield server


@pytest.fixture(scope="module", params=["gunicorn", "flask"])
def plain_host(request: pytest.FixtureRequest) -> Iterator[Server]:
    """The host application under each server, without TLS."""
    with host_app(request.param) as server:
        yield server


def get(server: Server, path: str) -> str:
    with urlopen(f"{server.url}{path}", timeout=TIMEOUT) as answer:
        return str(answer.read().decode())


# -- Routes ----------------------------------------------------------------------------------


def test_the_example_of_the_documentation(plain_host: Server) -> None:
    with connected(plain_host, "/rooms/kitchen") as ws:
        for text in ("hello", "héllo"):
            ws.send(text)
            assert ws.receive(timeout=TIMEOUT) == f"kitchen: {text}"


@pytest.mark.parametrize(
    ("path", "greeting"),
    [
        ("/early/7", b"early 7"),
        ("/before/acme/rooms/x", b"acme/x"),
        ("/partial/you", b"hello you"),
        ("/object", b"an object"),
        ("/wrapped", b"wrapped"),
        ("/members/club?user=eve", b"eve is in club"),
        ("/hooked", b"any colour"),
        ("/both", b"socket"),
        ("/both-too", b"socket"),
    ],
)
def test_a_handler_gets_the_connection_and_the_variables_of_the_url(
    host: Server, path: str, greeting: bytes
) -> None:
    with raw(host, path) as ws:
        assert ws.receive().payload == greeting


@pytest.mark.parametrize(("path", "name"), [("/lobby", "lobby"), ("/late/room?key=sesame", "late")])
def test_defaults_and_blueprints(host: Server, path: str, name: str) -> None:
    with raw(host, path) as ws:
        ws.send(frame(0x81, b"x"))
        assert ws.receive().payload == f"{name}: x".encode()


def test_the_endpoint_is_the_name_of_the_handler(plain_host: Server) -> None:
    assert json.loads(get(plain_host, "/healthz"))["url"].endswith("/rooms/x")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/rooms/x?closed=1", 418),  # before_request of the application
        ("/late/room", 401),  # before_request of the blueprint
        ("/members/club", 403),  # a decorator
        ("/hooked?colour=red", 409),  # the hook of the route
        ("/early/x", 404),  # the converter of the variable
    ],
)
def test_an_upgrade_is_refused_with_an_http_status(
    plain_host: Server, path: str, status: int
) -> None:
    assert ask(plain_host, request_bytes(path)).status == status


@pytest.mark.parametrize(("path", "page"), [("/both", "page by GET"), ("/both-too", "page")])
def test_an_ordinary_view_at_the_same_address_wins(
    plain_host: Server, path: str, page: str
) -> None:
    assert get(plain_host, path) == page
    half = ask(plain_host, request_bytes(path, {"Upgrade": None}))
    assert (half.status, half.text) == (200, page)


def test_the_methods_of_an_ordinary_view_are_its_own(plain_host: Server) -> None:
    post = request_bytes("/both", {"Upgrade": None, "Connection": "close"}, method="POST")
    assert ask(plain_host, post).text == "page by POST"
    put = ask(plain_host, post.replace(b"POST", b"PUT"))
    assert put.status == 405
    assert set(put.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST", "OPTIONS"}
    assert "text/html" in put.headers["Content-Type"], "the host's own response"


@pytest.mark.parametrize("path", ["/rooms/x", "/lobby", "/before/acme/rooms/x", "/early/1"])
def test_a_plain_get_is_told_that_this_is_a_websocket_address(
    plain_host: Server, path: str
) -> None:
    answer = ask(plain_host, PAGE % path.encode())
    assert answer.status == 426
    problem = json.loads(answer.text)
    assert problem["missing"][:2] == ["Connection: Upgrade", "Upgrade: websocket"]
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "request_line",
    [
        request_bytes("/rooms/x", {"Sec-WebSocket-Key": "short"}),
        request_bytes("/rooms/x", {"Sec-WebSocket-Version": "8"}),
        request_bytes("/rooms/x", {"Connection": None}),
        request_bytes("/rooms/x", {"Content-Length": "5"}) + b"12345",
        request_bytes("/rooms/x", method="POST"),
        PAGE % b"/rooms/x",
    ],
    ids=["key", "version", "connection", "body", "method", "page"],
)
def test_a_refusal_is_json_without_a_word_about_the_service(
    plain_host: Server, request_line: bytes
) -> None:
    answer = ask(plain_host, request_line)
    assert answer.status in (400, 405, 426)
    assert json.loads(answer.text)["status"] == answer.status
    assert not re.search("flask.?echo|/echo|/inspect|ashx|demo", answer.text, re.I)


def test_a_refused_origin_is_told_nothing_of_the_service(start_server: StartServer) -> None:
    server = start_server("gunicorn", *CONFIG, app=HOST_APP, ALLOWED_ORIGINS="https://example.org")
    answer = ask(server, request_bytes("/rooms/x", {"Origin": "https://evil.example"}))
    assert answer.status == 403
    assert not re.search("flask.?echo", answer.text, re.I)
    with raw(server, "/rooms/x", {"Origin": "https://example.org"}) as ws:
        ws.send(frame(0x81, b"in"))
        assert ws.receive().payload == b"x: in"


# -- The connection --------------------------------------------------------------------------


def test_the_attributes_of_simple_websocket(host: Server) -> None:
    with raw(host, "/attributes", {"Sec-WebSocket-Protocol": "other, superchat, chat"}) as ws:
        assert b"Sec-WebSocket-Protocol: superchat" in ws.head
        assert json.loads(ws.receive().payload) == {
            "connected": True,
            "close_reason": 1005,
            "close_message": None,
            "subprotocol": "superchat",
            "path": "/attributes",
            "mode": "werkzeug" if host.kind == "flask" else "gunicorn",
            "ping_interval": 20.0,
            "max_message_size": 300_000,
            "nothing": None,
        }
        assert ws.receive().close_code == 1000


def test_the_limit_of_the_options_holds(host: Server) -> None:
    with raw(host, "/rooms/x") as ws:
        ws.send(frame(0x82, bytes(300_001)))
        assert ws.receive().close_code == 1009


@pytest.mark.parametrize(
    ("how", "code"),
    [("return", 1000), ("another", 1000), ("abort", 1011), ("error", 1011), ("exit", 1011),
     ("base", 1011), ("recursion", 1011)],
)  # fmt: skip
def test_whatever_a_handler_raises_its_connection_ends_with_a_close_frame(
    host: Server, how: str, code: int
) -> None:
    with raw(host, f"/ends/{how}") as ws:
        assert ws.receive().payload == b"open"
        assert ws.receive().close_code == code
        ws.send(close_frame(code))
        # No HTTP follows, neither by itself nor on request.
        ws.send(PAGE % b"/healthz")
        assert ws.rest() == b""
        healthy = json.loads(get(host, "/healthz")) if host.url.startswith("http:") else True
    assert healthy
    if how == "another":
        host.await_output("The handler of /ends/another lost another connection")
    if how in ("abort", "error", "recursion"):
        host.await_output(f"Exception on /ends/{how} [GET]")
    assert "Worker exiting" not in host.output()


def test_a_reporter_that_fails_costs_no_close_frame(host: Server) -> None:
    with raw(host, "/reporter") as ws:
        assert ws.receive().close_code == 1011
        ws.send(close_frame(1011))
        assert ws.rest() == b""


def test_a_handler_that_only_sends_notices_a_close_and_answers_pings(host: Server) -> None:
    with raw(host, "/clock") as ws:
        assert ws.receive().payload == b"0"
        ws.send(frame(0x89, b"are you there"))
        while (answer := ws.receive()).first == 0x81:
            pass
        assert answer == (0x8A, b"are you there")
        ws.send(close_frame(3001))
        while (answer := ws.receive()).first == 0x81:
            assert int(answer.payload) < 1_000, "sent for twenty seconds after the Close"
        assert answer.close_code == 3001


def test_a_handler_that_loops_on_connected_notices_a_close_and_loses_no_message(
    host: Server,
) -> None:
    with raw(host, "/watch") as ws:
        assert ws.receive().payload == b"watching"
        ws.send(frame(0x81, b"one") + frame(0x81, b"two") + close_frame(3002, "bye"))
        assert ws.receive().close_code == 3002
    if host.url.startswith("http:"):
        assert json.loads(get(host, "/notices")) == [3002, "bye", ["one", "two"]]


def test_a_flood_at_a_handler_that_sends_is_held_back_and_arrives(host: Server) -> None:
    """More than is kept: the handler finds the word behind it when it receives."""
    with raw(host, "/inbox") as ws, ExitStack() as stack:
        reader = Thread(target=ws.rest)
        stack.callback(reader.join, 60)
        reader.start()
        ws.send(frame(0x82, bytes(1_000)) * 300 + frame(0x81, b"stop"))
        ws.send(close_frame())
        reader.join(60)
        assert not reader.is_alive()


# -- A chat of 200 members -------------------------------------------------------------------

MEMBERS = 200
LARGE = 200_000


def test_a_chat_of_200_members_with_large_compressed_messages(host: Server) -> None:
    offer = {"Sec-WebSocket-Extensions": "permessage-deflate"}
    text = b"".join(b"%06d " % number for number in range(LARGE // 7))
    with ExitStack() as stack:
        members = []
        for _ in range(MEMBERS):
            member = stack.enter_context(raw(host, "/chat", offer))
            member.receive()
            members.append(member)
        hello = frame(0xC1, deflated(b"hello"))
        for member in members[:3]:
            member.send(hello)  # From here on their messages are compressed.
        for member in members:
            for _ in range(3):
                assert member.receive().first in (0x81, 0xC1)
        members[0].send(frame(0xC1, deflated(text)))
        for index, member in enumerate(members):
            message = member.receive()
            assert message.first == (0xC1 if index < 3 else 0x81)
            if index >= 3:
                assert message.payload == text
        for member in members:
            member.send(close_frame())
            assert member.receive().close_code == 1000


def test_one_deaf_member_does_not_stop_a_chat(plain_host: Server) -> None:
    with raw(plain_host, "/chat", receive_buffer=4096) as deaf, raw(plain_host, "/chat") as talker:
        talker.receive()
        # Larger than the kernel's buffers hold for the deaf one.
        for _ in range(80):
            talker.send(frame(0x82, bytes(LARGE)))
            assert len(talker.receive().payload) == LARGE
        deaf.sock.settimeout(TIMEOUT)
        with pytest.raises((AssertionError, OSError)):  # noqa: PT012
            while True:
                deaf.receive()


def test_another_thread_kicks_everybody(plain_host: Server) -> None:
    with raw(plain_host, "/chat") as one, raw(plain_host, "/chat") as two:
        for member in (one, two):
            member.receive()
        assert get(plain_host, "/kick") == "done"
        for member in (one, two):
            closed = member.receive()
            assert (closed.close_code, closed.close_reason) == (4000, "kicked")


# -- Draining --------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("path", ["/rooms/x", "/clock", "/chat"])
def test_gunicorn_drains_with_1001(path: str, tls: bool, certificate: list[str]) -> None:
    with host_app("gunicorn", certificate if tls else None) as server, raw(server, path) as ws:
        if path != "/rooms/x":
            ws.receive()
        stopping = Thread(target=server.stop)
        stopping.start()
        while (message := ws.receive()).first != 0x88:
            pass
        assert message.close_code == 1001
        ws.send(close_frame(1001))
        ws.sock.close()
        stopping.join(TIMEOUT)
        assert not stopping.is_alive()
        assert "SIGKILL" not in server.output()
    assert server.process.returncode == 0


def test_a_system_exit_of_a_view_ends_no_worker(start_server: StartServer) -> None:
    server = start_server("gunicorn", *CONFIG, app=HOST_APP)
    with raw(server, "/rooms/x") as ws:
        with suppress(OSError, HTTPException):
            ask(server, PAGE % b"/exit")
        server.await_output("A view has ended its thread")
        ws.send(frame(0x81, b"still here"))
        assert ws.receive().payload == b"x: still here"


def test_a_handler_that_never_returns_does_not_keep_a_replaced_worker(
    start_server: StartServer,
) -> None:
    server = start_server(
        "gunicorn", *CONFIG, "--max-requests", "3", app=HOST_APP, CLOSE_TIMEOUT_SECONDS=0.5
    )
    with raw(server, "/forever") as ws:
        assert ws.receive().payload == b"open"
        for _ in range(3):
            with suppress(OSError, HTTPException):
                ask(server, PAGE % b"/healthz")
        wait_until(lambda: "Booting worker" in server.output().split("Autorestarting")[-1], 20)
    assert "WORKER TIMEOUT" not in server.output()
    assert json.loads(get(server, "/healthz"))


# -- Servers that cannot work ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("gunicorn", ["--worker-class", "sync", "--config", "/dev/null"]),
        ("gunicorn", ["--worker-class", "gthread", "--threads", "2", "--config", "/dev/null"]),
        ("flask", ["--without-threads"]),
    ],
    ids=["sync", "gthread", "one thread"],
)
def test_a_server_that_cannot_serve_websockets_says_so_and_goes_on(
    start_server: StartServer, kind: str, arguments: list[str]
) -> None:
    server = start_server(kind, *arguments, app=HOST_APP)
    for _ in range(3):
        answer = ask(server, request_bytes("/rooms/x"))
        assert answer.status == 500
        assert "--config python:flask_echo.gunicorn_conf" in json.loads(answer.text)["advice"]
        assert json.loads(get(server, "/healthz"))
    server.await_output("No WebSocket is possible")


def test_a_server_without_sockets_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.support.embedded import app

    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    answer = app.test_client().get("/rooms/x", headers=headers)
    assert answer.status_code == 500
    assert "does not hand out its sockets" in answer.get_json(force=True)["detail"]
