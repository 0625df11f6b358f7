"""Shares of the seats between clients, and limits of time, with real servers and addresses."""

import json
import socket
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from http.client import HTTPResponse
from threading import Event, Thread
from time import monotonic
from typing import Any

import pytest

from tests.support.clients import (
    Answer,
    Frame,
    RawWebSocket,
    close_frame,
    connected,
    dial,
    frame,
    health,
    request_bytes,
)
from tests.support.servers import Server, StartServer
from tests.support.waiting import wait_until

pytestmark = pytest.mark.also_over_tls

RICH, OTHER, THIRD = "127.0.0.2", "127.0.0.3", "127.0.0.4"
BY_ONE_ADDRESS = {"X-Forwarded-For": "203.0.113.7"}
PING = frame(0x89)


def connect(server: Server, address: str, receive_buffer: int | None = None) -> socket.socket:
    """Connect from ``address``, which is one of this machine's."""
    return dial(server, receive_buffer, address)


def visit(
    server: Server,
    address: str,
    path: str = "/echo",
    changes: Mapping[str, str | None] | None = None,
    receive_buffer: int | None = None,
) -> RawWebSocket:
    """Open a WebSocket from ``address``."""
    return RawWebSocket(connect(server, address, receive_buffer), path, changes)


def ask(server: Server, address: str, request: bytes | None = None) -> Answer:
    """Send an upgrade request from ``address``, and read an answer that is not 101."""
    with connect(server, address) as sock:
        sock.sendall(request or request_bytes())
        response = HTTPResponse(sock)
        response.begin()
        assert response.status != 101
        return Answer(response.status, dict(response.getheaders()), response.read().decode())


def admitted(server: Server, address: str, path: str = "/echo", seconds: float = 6) -> RawWebSocket:
    """Open a WebSocket from ``address`` within a second, and some more for a busy machine."""
    began = monotonic()
    client = visit(server, address, path)
    assert monotonic() - began < seconds
    return client


def echoes(client: RawWebSocket) -> bool:
    """Whether the connection works."""
    client.send(frame(0x81, b"alive"))
    while (received := client.receive()).first == 0x89:
        pass
    return received.payload == b"alive"


def close_of(client: RawWebSocket) -> Frame:
    """Return the Close frame that comes after any number of other frames."""
    deadline = monotonic() + 10
    while monotonic() < deadline:
        if (received := client.receive()).first == 0x88:
            return received
    raise AssertionError("no Close frame came")


def taken(server: Server, count: int) -> bool:
    """Whether so many seats are taken. There are never more than the capacity."""
    seats = health(server)
    assert seats["seats_taken"] <= seats["capacity"]
    return bool(seats["seats_taken"] == count)


@contextmanager
def watched(server: Server) -> Iterator[None]:
    """Meanwhile look again and again that no more seats are taken than there are."""
    done = Event()
    looks: list[dict[str, Any]] = []

    def look() -> None:
        while not done.wait(0.02):
            looks.append(health(server))

    thread = Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    assert looks
    assert all(seats["connections"] <= seats["seats_taken"] <= seats["capacity"] for seats in looks)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


# -- Eviction --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["gunicorn", "flask"])
def test_a_client_with_every_seat_gives_one_up_to_another(
    start_server: StartServer, stack: ExitStack, kind: str
) -> None:
    server = start_server(kind, MAX_CONNECTIONS=4)
    rich = [stack.enter_context(visit(server, RICH)) for _ in range(4)]
    assert ask(server, RICH).status == 503
    for client in (rich[0], rich[2], rich[3]):
        assert echoes(client)
    newcomer = stack.enter_context(admitted(server, OTHER))
    closed = rich[1].receive()
    assert closed.close_code == 1013
    assert "another client" in closed.close_reason
    assert all(map(echoes, (rich[0], rich[2], rich[3], newcomer)))
    stack.enter_context(admitted(server, OTHER))
    assert rich[0].receive().close_code == 1013
    # Each has two. Nobody has more than the next one would find.
    refused = ask(server, OTHER)
    assert refused.status == 503
    assert refused.headers["Retry-After"] == "2"
    assert taken(server, 4)


def test_a_pong_is_not_a_message(start_server: StartServer, stack: ExitStack) -> None:
    server = start_server("gunicorn", MAX_CONNECTIONS=2)
    first, second = (stack.enter_context(visit(server, RICH)) for _ in range(2))
    assert echoes(second)
    first.send(frame(0x8A, b"unasked") + PING)
    assert first.receive().first == 0x8A
    stack.enter_context(admitted(server, OTHER))
    assert first.receive().close_code == 1013
    assert echoes(second)


def test_an_evicted_browser_gets_its_closing_handshake(
    start_server: StartServer, stack: ExitStack
) -> None:
    server = start_server("gunicorn", MAX_CONNECTIONS=1)
    with connected(server, "/echo") as browser:
        stack.enter_context(admitted(server, OTHER))
        wait_until(lambda: not browser.connected)
        assert browser.close_reason == 1013
    wait_until(lambda: "closed 1013 (all seats are taken" in server.output())


def silent(server: Server) -> RawWebSocket:
    """A client that answers nothing."""
    return visit(server, RICH)


def deaf(server: Server) -> RawWebSocket:
    """A client that does not read, while the server sends to it."""
    client = visit(server, RICH, receive_buffer=4096)
    client.sock.settimeout(0.3)
    message = frame(0x82, bytes(2**20))
    with suppress(TimeoutError):
        while True:
            client.sock.sendall(message)
    return client


def closing(server: Server) -> RawWebSocket:
    """A client that the server waits for in a closing handshake."""
    client = visit(server, RICH)
    client.send(frame(0x83))
    assert client.receive().close_code == 1002
    return client


def paused(server: Server) -> RawWebSocket:
    """A client for whom the server pauses before a reply."""
    client = visit(server, RICH, "/echo?delay=60")
    client.send(frame(0x81, b"x"))
    return client


def fragments(server: Server) -> RawWebSocket:
    """A client in the middle of a message."""
    client = visit(server, RICH)
    client.send(frame(0x01, b"x") + frame(0x82, bytes(1000))[:500])
    return client


@pytest.mark.slow
@pytest.mark.parametrize(
    "old", [silent, deaf, closing, paused, fragments], ids=lambda old: old.__name__
)
def test_a_newcomer_does_not_wait_for_the_old_peer(
    start_server: StartServer, stack: ExitStack, old: Callable[[Server], RawWebSocket]
) -> None:
    server = start_server("gunicorn", MAX_CONNECTIONS=2, CLOSE_TIMEOUT_SECONDS=30)
    for _ in range(2):
        stack.enter_context(old(server))
    wait_until(lambda: taken(server, 2))
    with watched(server):
        newcomer = stack.enter_context(admitted(server, OTHER))
        assert echoes(newcomer)
    assert taken(server, 2)
    # The thread of the old connection has gone, too.
    wait_until(lambda: server.output().count(" closed ") == 1, describe=server.describe)


def test_a_handler_that_does_something_else_keeps_no_seat(
    start_server: StartServer, stack: ExitStack
) -> None:
    server = start_server("gunicorn", app="tests.support.apps:stuck()", health="/")
    stuck = [stack.enter_context(visit(server, RICH, "/sleep")) for _ in range(2)]
    newcomer = stack.enter_context(admitted(server, OTHER, "/ws"))
    assert echoes(newcomer)
    # Each has one seat now, and the sleeper that was evicted has none.
    assert ask(server, OTHER, request_bytes("/ws")).status == 503
    stuck[0].sock.settimeout(10)
    with pytest.raises((ConnectionResetError, AssertionError)):
        stuck[0].receive()


@pytest.mark.parametrize("seats", [8, 60])
def test_many_newcomers_at_once_end_balanced(
    start_server: StartServer, stack: ExitStack, seats: int
) -> None:
    server = start_server("gunicorn", MAX_CONNECTIONS=seats)
    rich = [stack.enter_context(visit(server, RICH)) for _ in range(seats)]
    others = [f"127.0.1.{number}" for number in range(1, 4)]

    def come(number: int) -> RawWebSocket | None:
        with suppress(AssertionError):
            return visit(server, others[number % 3])
        return None

    with watched(server), ThreadPoolExecutor(30) as pool:
        came = [(n % 3, client) for n, client in enumerate(pool.map(come, range(seats * 2)))]
    assert taken(server, seats)
    counts = [0, 0, 0]
    for client_number, client in came:
        if client is None:
            continue
        stack.enter_context(client)
        with suppress(AssertionError, OSError):
            counts[client_number] += echoes(client)
    left = 0
    for client in rich:
        with suppress(AssertionError, OSError):
            left += echoes(client)
    assert sum(counts) + left == seats
    # One more than even: at one moment, all connections of the richest may be about to open.
    assert max(*counts, left) - min(*counts, left) <= 2


def test_the_most_seats_are_counted_by_forwarded_address_behind_a_trusted_proxy(
    start_server: StartServer, stack: ExitStack
) -> None:
    server = start_server("gunicorn", MAX_CONNECTIONS=2, TRUSTED_PROXIES=1)
    home = ["2001:db8:0:1::7", "[2001:db8:0:1:ffff::8]:4711"]
    rich = [visit(server, RICH, changes={"X-Forwarded-For": address}) for address in home]
    for client in rich:
        stack.enter_context(client)
        assert echoes(client)
    same = request_bytes(changes={"X-Forwarded-For": "2001:db8:0:1::9"})
    assert ask(server, RICH, same).status == 503
    other = {"X-Forwarded-For": "2001:db8:0:2::7"}
    stack.enter_context(visit(server, RICH, changes=other))
    assert rich[0].receive().close_code == 1013


def test_a_client_cannot_pretend_another_address(
    start_server: StartServer, stack: ExitStack
) -> None:
    server = start_server("gunicorn", MAX_CONNECTIONS=1)
    stack.enter_context(visit(server, RICH))
    assert ask(server, RICH, request_bytes(changes=BY_ONE_ADDRESS)).status == 503


def test_during_a_drain_nobody_is_evicted(start_server: StartServer, stack: ExitStack) -> None:
    server = start_server("gunicorn", MAX_CONNECTIONS=2)
    rich = [stack.enter_context(visit(server, RICH)) for _ in range(2)]
    waiting = stack.enter_context(connect(server, OTHER))
    waiting.sendall(request_bytes()[:-2])  # Accepted before the drain, and complete after it.
    wait_until(lambda: taken(server, 2))
    server.process.terminate()
    for client in rich:
        assert client.receive().close_code == 1001
    waiting.sendall(b"\r\n")
    with suppress(ConnectionResetError):
        assert waiting.recv(12) in (b"", b"HTTP/1.1 503")
    for client in rich:
        client.send(close_frame(1001))
        client.sock.close()
    assert server.process.wait(20) == 0
    assert "closed 1013" not in server.output()


def test_a_drain_beside_evictions_ends_in_time(start_server: StartServer, stack: ExitStack) -> None:
    server = start_server("gunicorn", MAX_CONNECTIONS=20, CLOSE_TIMEOUT_SECONDS=1)
    for _ in range(20):
        stack.enter_context(visit(server, RICH))
    socks = [stack.enter_context(connect(server, f"127.0.1.{n}")) for n in range(1, 11)]
    for sock in socks:
        sock.sendall(request_bytes())
    wait_until(lambda: "closed 1013" in server.output())
    server.process.terminate()
    assert server.process.wait(20) == 0
    assert "Traceback" not in server.output()
    for sock in socks:
        with suppress(ConnectionResetError):
            assert sock.recv(12) in (b"", b"HTTP/1.1 101", b"HTTP/1.1 503")


@pytest.mark.slow
def test_a_thousand_silent_connections_of_one_address_take_nothing_from_others(
    start_server: StartServer, stack: ExitStack
) -> None:
    """The attacker only answers pings. Fifty bystanders come and talk, and all stay."""
    server = start_server("gunicorn", PING_INTERVAL_SECONDS=2)
    attackers = [stack.enter_context(visit(server, RICH)) for _ in range(1000)]
    assert taken(server, 1000)
    done = Event()

    def answer_pings() -> None:
        while not done.wait(0.2):
            for attacker in attackers:
                with suppress(OSError):
                    attacker.sock.send(frame(0x8A))

    thread = Thread(target=answer_pings)
    thread.start()
    stack.callback(thread.join)
    stack.callback(done.set)
    with watched(server), ThreadPoolExecutor(10) as pool:
        come = partial(admitted, server)
        bystanders = list(pool.map(come, [f"127.0.2.{number}" for number in range(1, 51)]))
    for bystander in bystanders:
        stack.enter_context(bystander)
    for _ in range(5):
        assert all(map(echoes, bystanders))
    # The attacker may come back, but finds no seat as long as others have fewer.
    assert ask(server, RICH).status == 503
    assert taken(server, 1000)


# -- Hard limits -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["gunicorn", "flask"])
def test_a_client_may_be_limited_to_a_number_of_seats(
    start_server: StartServer, stack: ExitStack, kind: str
) -> None:
    server = start_server(kind, MAX_CONNECTIONS_PER_CLIENT=2)
    first = stack.enter_context(visit(server, RICH))
    stack.enter_context(visit(server, RICH))
    refused = ask(server, RICH)
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) > 0
    problem = json.loads(refused.text)
    assert "2 WebSockets" in problem["detail"]
    assert "FLASK_ECHO_MAX_CONNECTIONS_PER_CLIENT" in problem["advice"]
    stack.enter_context(visit(server, OTHER))
    first.sock.close()
    wait_until(lambda: taken(server, 2))
    stack.enter_context(visit(server, RICH))


def test_a_client_may_be_limited_to_a_number_of_handshakes_per_second(
    start_server: StartServer, stack: ExitStack
) -> None:
    server = start_server("gunicorn", MAX_HANDSHAKES_PER_SECOND_PER_CLIENT=3)
    bad = request_bytes(changes={"Sec-WebSocket-Key": "bad"})
    answers = [ask(server, RICH, bad) for _ in range(20)]
    # Some came back meanwhile, if this took long.
    assert [answer.status for answer in answers[:3]] == [400] * 3
    refused = [answer for answer in answers if answer.status == 429]
    assert refused
    assert refused[0].headers["Retry-After"] == "1"
    problem = json.loads(refused[0].text)
    assert "3 upgrade requests per second" in problem["detail"]
    assert "FLASK_ECHO_MAX_HANDSHAKES_PER_SECOND_PER_CLIENT" in problem["advice"]
    stack.enter_context(visit(server, OTHER))

    def is_admitted() -> bool:
        return ask(server, RICH, bad).status == 400

    wait_until(is_admitted)


# -- Limits of time --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["gunicorn", "flask"])
def test_a_connection_without_messages_ends(start_server: StartServer, kind: str) -> None:
    server = start_server(kind, IDLE_TIMEOUT_SECONDS=4)
    began = monotonic()
    with visit(server, RICH) as client:
        assert echoes(client)
        closed = client.receive()
        assert monotonic() - began >= 4
        assert (closed.close_code, closed.close_reason) == (1001, "no message for 4 seconds")
        client.send(close_frame(1001))
        assert client.rest() == b""
    wait_until(lambda: taken(server, 0))


@pytest.mark.parametrize("ping", [PING, frame(0x8A), frame(0x00, b"x")], ids=str)
def test_pings_pongs_and_fragments_are_no_messages(
    start_server: StartServer, stack: ExitStack, ping: bytes
) -> None:
    server = start_server("gunicorn", IDLE_TIMEOUT_SECONDS=1, PING_INTERVAL_SECONDS=0)
    client = stack.enter_context(visit(server, RICH))
    client.send(frame(0x01, b"x"))
    done = Event()
    stack.callback(done.set)

    def talk() -> None:
        with suppress(OSError):
            while not done.wait(0.05):
                client.send(ping)

    Thread(target=talk, daemon=True).start()
    received = close_of(client)
    assert (received.close_code, received.close_reason) == (1001, "no message for 1 seconds")


def test_a_connection_with_messages_is_not_idle(start_server: StartServer) -> None:
    server = start_server("gunicorn", IDLE_TIMEOUT_SECONDS=5)
    pause = Event()
    with visit(server, RICH) as client:
        for _ in range(6):
            assert echoes(client)
            pause.wait(1.2)


def test_a_connection_ends_after_its_lifetime(start_server: StartServer) -> None:
    server = start_server("gunicorn", MAX_LIFETIME_SECONDS=5)
    began = monotonic()
    with visit(server, RICH) as client:
        assert echoes(client)
        closed = client.receive()
        assert monotonic() - began > 3.9
        assert (closed.close_code, closed.close_reason) == (1001, "maximum lifetime reached")
        client.send(close_frame(1001))
        assert client.rest() == b""


def test_a_peer_that_never_pauses_has_a_lifetime_too(
    start_server: StartServer, stack: ExitStack
) -> None:
    server = start_server("gunicorn", MAX_LIFETIME_SECONDS=1)
    client = stack.enter_context(visit(server, RICH))
    flood = frame(0x81, b"x" * 100) * 50

    def talk() -> None:
        with suppress(OSError):
            while True:
                client.send(flood)

    Thread(target=talk, daemon=True).start()
    received = close_of(client)
    assert (received.close_code, received.close_reason) == (1001, "maximum lifetime reached")


def test_a_handler_that_only_sends_has_a_lifetime_too(start_server: StartServer) -> None:
    server = start_server(
        "gunicorn",
        app="tests.support.embedded:app",
        MAX_LIFETIME_SECONDS=1,
    )
    with visit(server, RICH, "/clock") as client:
        received = close_of(client)
        assert (received.close_code, received.close_reason) == (1001, "maximum lifetime reached")
