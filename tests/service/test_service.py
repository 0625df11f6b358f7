"""The conversation on both servers, as a user with a client library has it."""

import json
import re

import pytest
from simple_websocket import Client, ConnectionClosed

from tests.support.clients import (
    TIMEOUT,
    ask,
    close_frame,
    connected,
    frame,
    health,
    raw,
    request_bytes,
)
from tests.support.servers import Server, StartServer
from tests.support.texts import TEXT_IDS, TEXTS
from tests.support.waiting import wait_until

pytestmark = pytest.mark.also_over_tls


def received(client: Client) -> str | bytes:
    """The next message, which must come."""
    message = client.receive(timeout=TIMEOUT)
    assert message is not None, "no message came"
    return message


def how_it_closed(client: Client) -> ConnectionClosed:
    """Wait for the end and return how it came."""
    with pytest.raises(ConnectionClosed) as closed:
        client.receive(timeout=TIMEOUT)
    return closed.value


@pytest.mark.parametrize("text", TEXTS, ids=TEXT_IDS)
def test_hello_comes_first_and_each_text_comes_back(each_server: Server, text: str) -> None:
    with connected(each_server, "/WS.ashx") as client:
        assert json.loads(received(client)) == "hello from server"
        for _ in range(2):
            client.send(text)
            assert json.loads(received(client)) == f"{text} back"


def test_binary_at_hello_is_refused_with_1003_and_a_reason_that_names_echo(
    each_server: Server,
) -> None:
    with connected(each_server, "/WS.ashx") as client:
        received(client)
        client.send(b"\x00\x01")
        closed = how_it_closed(client)
        assert closed.reason == 1003
        assert "/echo" in str(closed.message)


@pytest.mark.parametrize("path", ["/echo", "/", "/?a=b"])
def test_echo_and_the_bare_address_return_messages_unchanged(
    each_server: Server, path: str
) -> None:
    with connected(each_server, path) as client:
        for message in (*TEXTS, b"", b"\x00\xff" * 40_000):
            client.send(message)
            assert received(client) == message


def test_a_client_that_closes_gets_its_code_back_and_frees_its_seat(each_server: Server) -> None:
    with raw(each_server) as client:
        wait_until(lambda: health(each_server)["connections"] == 1)
        client.send(close_frame(4321, "enough"))
        answer = client.receive()
        assert (answer.close_code, answer.close_reason) == (4321, "enough")
        assert client.rest() == b""
    wait_until(lambda: health(each_server)["seats_taken"] == 0)


def test_frames_sent_with_the_request_are_answered(each_server: Server) -> None:
    with raw(each_server, early=frame(0x81, b"early") + frame(0x81, b"bird")) as client:
        assert [client.receive().payload, client.receive().payload] == [b"early", b"bird"]


@pytest.mark.parametrize("kind", ["gunicorn", "flask"])
def test_one_line_per_connection_tells_what_happened(start_server: StartServer, kind: str) -> None:
    server = start_server(kind)
    with raw(server, "/?%0Aforged") as client:
        client.send(frame(0x81, "é".encode()) + frame(0x82, b"abc"))
        client.receive(), client.receive()
        client.send(close_frame(4000, "bye\nbye"))
        client.rest()
        port = client.sock.getsockname()[1]
    line = (
        rf" / from 127\.0\.0\.1 port {port}: \d+\.\d{{3}} s, closed 4000 \(bye\\nbye\);"
        r" in 2 messages, 5 bytes; out 2 messages, 5 bytes$"
    )
    wait_until(lambda: re.search(line, server.output(), re.M), describe=server.describe)
    assert "Traceback" not in server.output()


def test_what_a_peer_says_cannot_write_a_line_into_the_log(start_server: StartServer) -> None:
    server = start_server("gunicorn", TRUSTED_PROXIES=1)
    forged = {"X-Forwarded-For": "1.2.3.4\x85forged\xa0"}
    with raw(server, "/echo", forged) as client:
        client.send(close_frame(1000, "a\u2028b\x1b[0m\r\nforged"))
        client.rest()
    wait_until(lambda: "closed 1000" in server.output())
    line = next(line for line in server.output().splitlines() if "closed 1000" in line)
    assert r"(a\u2028b\x1b[0m\r\nforged)" in line
    assert r"1.2.3.4\x85forged" in line
    assert line.isascii()
    assert "\x1b" not in line


@pytest.mark.parametrize("kind", ["gunicorn", "flask"])
def test_beyond_the_last_seat_503_while_pages_are_served(
    start_server: StartServer, kind: str
) -> None:
    server = start_server(kind, MAX_CONNECTIONS=2)
    with raw(server) as first, raw(server):
        wait_until(lambda: health(server)["connections"] == 2)
        refused = ask(server, request_bytes())
        assert refused.status == 503
        assert int(refused.headers["Retry-After"]) > 0
        assert "MAX_CONNECTIONS" in refused.text
        assert ask(server, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").status == 200
        assert health(server)["capacity"] == 2
        first.send(close_frame())
        first.rest()
        wait_until(lambda: health(server)["connections"] == 1)
        with raw(server) as third:
            third.send(frame(0x81, b"welcome"))
            assert third.receive().payload == b"welcome"


@pytest.mark.parametrize(("setting", "negotiated"), [("true", True), ("false", False)])
def test_compression_is_negotiated_unless_it_is_switched_off(
    start_server: StartServer, setting: str, negotiated: bool
) -> None:
    server = start_server("gunicorn", COMPRESSION=setting)
    with raw(server, changes={"Sec-WebSocket-Extensions": "permessage-deflate"}) as client:
        assert (b"permessage-deflate" in client.head) == negotiated
        client.send(frame(0x81, b"plain"))
        assert client.receive() == (0x81, b"plain")
