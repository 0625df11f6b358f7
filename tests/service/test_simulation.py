"""Fault simulation: which queries are allowed, and their effect over a raw socket."""

import json
import socket

import pytest

from flask_echo.simulation import faults
from flask_echo.simulation.faults import ALLOWED, Faults
from flask_echo.websocket import OptionError
from flask_echo.websocket.frames import may_be_sent
from tests.support.clients import ask, close_frame, frame, health, raw, request_bytes
from tests.support.servers import Server, StartServer
from tests.support.waiting import wait_until

pytestmark = pytest.mark.also_over_tls

DEFLATE = {"Sec-WebSocket-Extensions": "permessage-deflate"}

BAD = [
    ("delay=abc", "delay=abc", "seconds from 0 to 60"),
    ("delay=-0.1", "delay=-0.1", "seconds from 0 to 60"),
    ("delay=60.01", "delay=60.01", "seconds from 0 to 60"),
    ("delay=1_0", "delay=1_0", "seconds from 0 to 60"),
    ("delay=1e1", "delay=1e1", "seconds from 0 to 60"),
    ("delay=%EF%BC%91", "delay=", "seconds from 0 to 60"),
    ("delay=" + "0" * 3000, "delay=", "seconds from 0 to 60"),
    ("delay=nan", "delay=nan", "seconds from 0 to 60"),
    ("delay=", "delay=", "seconds from 0 to 60"),
    ("jitter=inf", "jitter=inf", "seconds from 0 to 60"),
    ("push=0", "push=0", "seconds from 0.01 to 60"),
    ("push=1e9", "push=1e9", "seconds from 0.01 to 60"),
    ("close=999", "close=999", "1000 to 1003"),
    ("close=1004", "close=1004", "1000 to 1003"),
    ("close=1005", "close=1005", "1000 to 1003"),
    ("close=1006", "close=1006", "1000 to 1003"),
    ("close=1015", "close=1015", "1000 to 1003"),
    ("close=2999", "close=2999", "3000 to 4999"),
    ("close=5000", "close=5000", "3000 to 4999"),
    ("close=1000.0", "close=1000.0", "1000 to 1003"),
    ("close=1000&after=-1", "after=-1", "0 to 1000000"),
    ("close=1000&after=1000001", "after=1000001", "0 to 1000000"),
    ("close=1000&after=%D9%A1", "after=", "0 to 1000000"),
    ("close=1000&reason=" + "x" * 124, "reason=", "123 bytes"),
    ("close=1000&reason=" + "%C3%A9" * 62, "reason=", "123 bytes"),
    ("drop=x", "drop=x", "0 to 1000000"),
    ("drop=" + "9" * 3000, "drop=", "0 to 1000000"),
    ("mute=yes", "mute=yes", "without a value"),
    ("ping=on", "ping=on", "off"),
    ("compress=no", "compress=no", "off"),
    ("subprotocol=", "subprotocol=", "a token"),
    ("subprotocol=a%20b", "subprotocol=a b", "a token"),
    ("subprotocol=a%0D%0ASet-Cookie:x", "subprotocol=a", "a token"),
    ("colour=red", "colour=red: no such option", "delay"),
    ("%0A%ff=1", "=1: no such option", "delay"),
    ("delay=1&delay=2", "delay is there twice", "delay"),
    ("close=1000&drop=1", "close and drop exclude each other", "delay"),
    ("close=1000&mute", "close and mute exclude each other", "delay"),
    ("drop=1&mute", "drop and mute exclude each other", "delay"),
    ("mute&delay=1", "mute and delay exclude each other", "delay"),
    ("mute&jitter=1", "mute and jitter exclude each other", "delay"),
    ("mute&push=1", "mute and push exclude each other", "delay"),
    ("reason=x", "reason needs close", "delay"),
    ("after=1", "after needs close", "delay"),
]


@pytest.mark.parametrize(("query", "wrong", "allowed"), BAD, ids=[case[0][:30] for case in BAD])
def test_a_bad_query_gets_400_and_the_allowed_options(
    server: Server, query: str, wrong: str, allowed: str
) -> None:
    answer = ask(server, request_bytes(f"/echo?{query}"))
    assert answer.status == 400
    problem = json.loads(answer.text)
    assert wrong in problem["detail"]
    assert allowed in problem["detail"] + " ".join(problem["allowed"])
    assert list(problem["allowed"]) == list(ALLOWED)


def test_the_query_is_checked_before_a_seat_is_taken(start_server: StartServer) -> None:
    server = start_server("gunicorn", MAX_CONNECTIONS=1)
    with raw(server):
        assert ask(server, request_bytes("/echo?colour=red")).status == 400
        assert ask(server, request_bytes("/echo?delay=1")).status == 503


def test_inspect_takes_what_concerns_the_upgrade_and_nothing_else(server: Server) -> None:
    problem = json.loads(ask(server, request_bytes("/inspect?delay=1")).text)
    assert list(problem["allowed"]) == ["ping", "compress", "subprotocol"]


def takes(code: int) -> bool:
    try:
        return faults.parse([("close", str(code))], ALLOWED).close == code
    except OptionError:
        return False


def test_the_codes_are_those_that_a_connection_may_send() -> None:
    codes = range(6000)
    assert [takes(code) for code in codes] == [may_be_sent(code) for code in codes]


def test_all_options_at_once_are_understood() -> None:
    query = {
        "ping": "off", "compress": "off", "subprotocol": "chat", "delay": "0.5", "jitter": "60",
        "close": "4999", "reason": "é" * 61, "after": "1000000", "push": "0.01",
    }  # fmt: skip
    assert faults.parse(query.items(), ALLOWED) == Faults(
        ping=False, compress=False, subprotocol="chat", delay=0.5, jitter=60.0,
        close=4999, reason="é" * 61, after=1_000_000, push=0.01,
    )  # fmt: skip


def test_compress_off_declines_compression(each_server: Server) -> None:
    with raw(each_server, "/echo", DEFLATE) as client:
        assert b"permessage-deflate" in client.head
    with raw(each_server, "/echo?compress=off", DEFLATE) as client:
        assert b"permessage-deflate" not in client.head


@pytest.mark.parametrize(
    ("offered", "chosen"), [("a, chat", b"Sec-WebSocket-Protocol: chat\r\n"), ("a, b", b"")]
)
def test_a_subprotocol_is_chosen_if_it_is_offered(
    each_server: Server, offered: str, chosen: bytes
) -> None:
    headers = {"Sec-WebSocket-Protocol": offered}
    with raw(each_server, "/echo?subprotocol=chat", headers) as client:
        head = client.head + b"\r\n"
        assert chosen in head
        assert bool(chosen) == (b"Sec-WebSocket-Protocol" in head)


def test_ping_off_sends_no_ping(start_server: StartServer) -> None:
    server = start_server("gunicorn", PING_INTERVAL_SECONDS=0.1, PING_TIMEOUT_SECONDS=60)
    with raw(server, "/echo?ping=off") as silent, raw(server, "/echo") as pinged:
        assert pinged.receive().first == 0x89  # So there has been time for a ping.
        silent.send(frame(0x81, b"first"))
        assert silent.receive().payload == b"first"


@pytest.mark.parametrize("query", ["delay=0.2", "delay=0.1&jitter=0.1", "jitter=0.3"])
def test_delayed_replies_come_in_order_and_pings_are_answered_meanwhile(
    each_server: Server, query: str
) -> None:
    with raw(each_server, f"/echo?{query}") as client:
        client.send(frame(0x81, b"one") + frame(0x82, b"two") + frame(0x89, b"ping"))
        assert [client.receive().payload for _ in range(3)] == [b"ping", b"one", b"two"]


@pytest.mark.parametrize("after", ["", "&after=0", "&after=2"])
def test_close_ends_after_so_many_replies_with_code_and_reason(
    each_server: Server, after: str
) -> None:
    with raw(each_server, f"/echo?close=4321&reason=so%20long%20%F0%9F%91%8B{after}") as client:
        for _ in range(2 if after.endswith("2") else 0):
            client.send(frame(0x81, b"x"))
            assert client.receive().payload == b"x"
        close = client.receive()
        assert (close.close_code, close.close_reason) == (4321, "so long 👋")
        client.send(close_frame(4321))
        assert client.rest() == b""


@pytest.mark.parametrize("count", [0, 1, 3])
def test_drop_resets_after_so_many_replies(each_server: Server, count: int) -> None:
    with raw(each_server, f"/echo?drop={count}") as client:
        for _ in range(count):
            client.send(frame(0x81, b"x"))
            assert client.receive().payload == b"x"
        with pytest.raises(ConnectionResetError):
            client.rest()
    wait_until(lambda: health(each_server)["seats_taken"] == 0)


def test_mute_answers_nothing(each_server: Server) -> None:
    with raw(each_server, "/echo?mute") as client, raw(each_server, "/echo") as other:
        client.send(frame(0x81, b"x") + frame(0x89, b"ping") + close_frame(1000))
        other.send(frame(0x81, b"x"))
        assert other.receive().payload == b"x"
        client.sock.shutdown(socket.SHUT_WR)
        assert client.rest() == b""


def test_push_sends_numbered_ticks_beside_the_echo(each_server: Server) -> None:
    with raw(each_server, "/echo?push=0.05&delay=0.12") as client:
        client.send(frame(0x82, b"echo"))
        received = [client.receive() for _ in range(6)]
        while not any(got.first == 0x82 for got in received):
            received.append(client.receive())  # The message may have been late.
        ticks = [json.loads(got.payload) for got in received if got.first == 0x81]
        assert [tick["tick"] for tick in ticks] == list(range(1, len(received)))
        times = [tick["time"] for tick in ticks]
        assert times == sorted(times)
        assert [got.payload for got in received if got.first == 0x82] == [b"echo"]


def test_a_simulation_ends_politely_when_the_server_stops(start_server: StartServer) -> None:
    server = start_server("gunicorn")
    with raw(server, "/echo?delay=60") as delayed, raw(server, "/echo?mute") as mute:
        delayed.send(frame(0x81, b"owed") + frame(0x89))
        assert delayed.receive().first == 0x8A
        server.process.terminate()
        assert delayed.receive().payload == b"owed"
        for client in (delayed, mute):
            assert client.receive().close_code == 1001
            client.send(close_frame(1001))
            assert client.rest() == b""
    assert server.stop() == 0
    assert "Traceback" not in server.output()


@pytest.mark.parametrize("path", ["/echo", "/inspect"])
@pytest.mark.parametrize("query", ["?close=1011", "?compress=off", "?mute", "?unknown", "?a=b&c"])
def test_where_simulation_is_off_every_query_is_refused(
    start_server: StartServer, path: str, query: str
) -> None:
    server = start_server("gunicorn", REHEARSALS="false")
    answer = ask(server, request_bytes(path + query))
    assert answer.status == 400
    assert "fault simulation is off" in answer.text
    assert ask(server, request_bytes(path)).status == 101
    with raw(server, "/?close=1011") as client:  # The bare address has never had any.
        client.send(frame(0x81, b"hi"))
        assert client.receive().payload == b"hi"


def test_where_inspect_is_off_its_address_does_not_exist(start_server: StartServer) -> None:
    server = start_server("gunicorn", INSPECT="false")
    plain = ask(server, b"GET /inspect HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (plain.status, "WebSocket" in plain.text) == (404, False)
    upgrade = ask(server, request_bytes("/inspect"))
    assert upgrade.status == 404
    assert "inspect" not in json.loads(upgrade.text)["advice"]
    assert "inspect" not in ask(server, request_bytes("/healthz")).text
    assert ask(server, request_bytes("/echo")).status == 101
