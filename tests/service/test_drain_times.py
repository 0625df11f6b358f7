"""A drain that takes its time: DRAIN_DELAY_SECONDS and DRAIN_SPREAD_SECONDS.

Most of these times are so long here that a test would not outlast them. So nothing is measured:
what has ended has not waited.
"""

import os
import signal
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path

import pytest

from tests.support.clients import RawWebSocket, close_frame, frame, raw
from tests.support.followers import quiet
from tests.support.servers import Server, StartServer
from tests.support.tls import trusting
from tests.support.waiting import wait_until
from tests.support.workers import workers_of

pytestmark = pytest.mark.slow

LONG = {"DRAIN_DELAY_SECONDS": 300, "DRAIN_SPREAD_SECONDS": 3600}
CONFIG = ("--config", "python:flask_echo.gunicorn_conf")
HOST_APP = "tests.support.embedded:app"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(params=["plain", "tls"])
def arguments(request: pytest.FixtureRequest, certificate: list[str]) -> list[str]:
    """The arguments of gunicorn, without TLS and with it."""
    return certificate if request.param == "tls" else []


def status(server: Server, path: str) -> int:
    """The status of the response to a GET on a connection of its own."""
    connection: HTTPConnection
    if server.url.startswith("https"):
        context: ssl.SSLContext = trusting()
        connection = HTTPSConnection("127.0.0.1", server.port, timeout=10, context=context)
    else:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    with closing(connection):
        connection.request("GET", path)
        return connection.getresponse().status


def is_served(client: RawWebSocket) -> bool:
    """Whether a message gets its reply, and not a Close frame with 1001."""
    client.send(frame(0x81, b"hello"))
    got = client.receive()
    if got.first == 0x88:
        assert got.close_code == 1001
        return False
    assert got.payload == b"hello"
    return True


def served(clients: list[RawWebSocket]) -> list[RawWebSocket]:
    return [client for client in clients if is_served(client)]


def after_first_goodbye(clients: list[RawWebSocket]) -> list[RawWebSocket]:
    """Wait until a client gets its Close frame, and return the others."""
    left = clients

    def has_ended() -> bool:
        nonlocal left
        left = served(left)
        return len(left) < len(clients)

    wait_until(has_ended, 20)
    return left


def expect_goodbyes(clients: list[RawWebSocket]) -> None:
    """Read and answer the Close frame of each client, in the order in which they come."""
    with ThreadPoolExecutor(len(clients)) as pool:
        list(pool.map(expect_goodbye, clients))


def expect_goodbye(client: RawWebSocket) -> None:
    assert client.receive().close_code == 1001
    client.send(close_frame(1001))
    assert client.rest() == b""
    client.sock.close()


def was_not_killed(server: Server) -> bool:
    return "SIGKILL" not in server.output() and "Traceback" not in server.output()


def await_draining(server: Server) -> None:
    """Wait until every worker has noticed the signal: ten new connections in a row say so."""
    wait_until(lambda: all(status(server, "/healthz") == 503 for _ in range(10)), 20)


def has_new_workers(server: Server, before: set[int], count: int) -> bool:
    return len(set(workers_of(server)) - before) == count


@pytest.mark.parametrize("press", [False, True], ids=["to the master", "to all processes"])
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGQUIT])
def test_during_the_delay_all_is_served_and_only_health_fails_until_a_second_signal(
    start_server: StartServer, stack: ExitStack, press: bool, sign: int
) -> None:
    server = start_server("gunicorn", "--workers", "2", **LONG)
    clients = [stack.enter_context(raw(server)) for _ in range(6)]
    if press:  # as systemd does by default
        server.press(signal.SIGTERM)
    else:
        server.process.send_signal(signal.SIGTERM)
    await_draining(server)
    clients += [stack.enter_context(raw(server)) for _ in range(6)]
    for _ in range(5):
        assert served(clients) == clients
        assert status(server, "/healthz") == 503
        assert status(server, "/healthz/live") == status(server, "/") == 200
    server.process.send_signal(sign)
    expect_goodbyes(clients)
    assert server.process.wait(20) == 0
    assert was_not_killed(server), server.output()


def test_each_websocket_is_served_until_its_own_turn(
    start_server: StartServer, stack: ExitStack, arguments: list[str]
) -> None:
    server = start_server(
        "gunicorn", *arguments, DRAIN_SPREAD_SECONDS=3600, CLOSE_TIMEOUT_SECONDS=60
    )
    clients = [stack.enter_context(raw(server)) for _ in range(5)]
    server.process.send_signal(signal.SIGTERM)
    left = after_first_goodbye(clients)
    assert len(left) == 4
    for _ in range(5):
        assert served(left) == left
        assert status(server, "/healthz") == 503
        assert status(server, "/healthz/live") == status(server, "/") == 200
        refused = stack.enter_context(raw(server, status=503))
        assert b"\r\nRetry-After:" in refused.head
    server.process.send_signal(signal.SIGQUIT)
    expect_goodbyes(left)
    assert server.process.wait(20) == 0
    assert was_not_killed(server), server.output()


def test_delay_and_spread_pass_and_gunicorn_kills_nobody(
    start_server: StartServer, stack: ExitStack, arguments: list[str]
) -> None:
    server = start_server(
        "gunicorn", *arguments, "--workers", "2", DRAIN_DELAY_SECONDS=1, DRAIN_SPREAD_SECONDS=2
    )
    clients = [stack.enter_context(raw(server)) for _ in range(20)]
    server.process.send_signal(signal.SIGTERM)
    expect_goodbyes(clients)
    assert server.process.wait(20) == 0
    assert was_not_killed(server), server.output()


def test_a_reload_has_a_spread_and_no_delay_and_the_master_goes_on(
    start_server: StartServer, stack: ExitStack
) -> None:
    server = start_server("gunicorn", **LONG, CLOSE_TIMEOUT_SECONDS=60)
    clients = [stack.enter_context(raw(server)) for _ in range(5)]
    (old,) = workers_of(server)
    server.process.send_signal(signal.SIGHUP)
    left = after_first_goodbye(clients)
    assert len(left) == 4
    assert status(server, "/healthz") == 200
    # The master replaces a worker that dies, although the old one is still there.
    (new,) = set(workers_of(server)) - {old}
    os.kill(new, signal.SIGKILL)
    wait_until(lambda: len(set(workers_of(server)) - {old, new}) == 1, 20, server.describe)
    with raw(server) as newcomer:
        assert is_served(newcomer)
        assert served(left) == left
        # It heeds signals, too: the new worker has its delay, and the old one goes on as it was.
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: status(server, "/healthz") == 503)
        assert is_served(newcomer)
        assert served(left) == left
        server.process.send_signal(signal.SIGINT)
        expect_goodbyes([*left, newcomer])
    assert server.process.wait(20) == 0
    assert "Traceback" not in server.output()


def test_a_second_reload_during_the_spread_of_the_first_replaces_the_workers_again(
    start_server: StartServer, stack: ExitStack
) -> None:
    server = start_server("gunicorn", "--workers", "2", **LONG)
    for _ in range(10):
        stack.enter_context(raw(server))
    old = workers_of(server)
    for _ in range(2):
        before = set(workers_of(server))
        server.process.send_signal(signal.SIGHUP)
        wait_until(partial(has_new_workers, server, before, 2), 20, server.describe)
    # Those between have no WebSocket.
    wait_until(lambda: len(set(workers_of(server)) - set(old)) == 2, 20, server.describe)
    assert set(old) & set(workers_of(server))
    assert server.stop(signal.SIGQUIT) == 0


def test_a_worker_that_is_stopped_from_outside_is_replaced_without_a_delay(
    start_server: StartServer, stack: ExitStack
) -> None:
    server = start_server("gunicorn", **LONG)
    clients = [stack.enter_context(raw(server)) for _ in range(5)]
    (old,) = workers_of(server)
    os.kill(old, signal.SIGTERM)
    expect_goodbyes(clients)
    wait_until(lambda: workers_of(server) not in ([], [old]), 20, server.describe)
    wait_until(lambda: status(server, "/healthz") == 200)
    assert server.stop(signal.SIGINT) == 0
    assert was_not_killed(server), server.output()


def test_a_worker_that_is_replaced_after_its_requests_has_neither_delay_nor_spread(
    start_server: StartServer, stack: ExitStack
) -> None:
    # The fixture has asked for the health of the server, so the page is the fifth request.
    server = start_server("gunicorn", "--max-requests", "5", **LONG)
    clients = [stack.enter_context(raw(server)) for _ in range(3)]
    assert status(server, "/") == 200
    expect_goodbyes(clients)
    wait_until(lambda: status(server, "/healthz") == 200, 20)
    assert server.stop(signal.SIGINT) == 0


@pytest.mark.parametrize("phase", ["delay", "spread"])
def test_a_worker_that_loses_its_master_ends(
    start_server: StartServer, stack: ExitStack, phase: str
) -> None:
    settings = LONG if phase == "delay" else {"DRAIN_SPREAD_SECONDS": 3600}
    server = start_server("gunicorn", **settings, CLOSE_TIMEOUT_SECONDS=60)
    left = [stack.enter_context(raw(server)) for _ in range(3)]
    (worker,) = workers_of(server)
    server.process.send_signal(signal.SIGTERM)
    if phase == "delay":
        await_draining(server)
    else:
        left = after_first_goodbye(left)
    server.process.kill()
    expect_goodbyes(left)
    stack.close()
    wait_until(lambda: not Path(f"/proc/{worker}").exists(), 20)


def test_an_event_stream_has_its_turn_and_keeps_the_worker_until_then(
    start_server: StartServer, stack: ExitStack
) -> None:
    server = start_server("gunicorn", DRAIN_SPREAD_SECONDS=3600)
    streams = []
    for _ in range(2):
        connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
        stack.enter_context(closing(connection))
        connection.request("GET", quiet().path, headers={"Accept": "text/event-stream"})
        streams.append(connection.getresponse())
    server.process.send_signal(signal.SIGTERM)
    await_draining(server)
    wait_until(lambda: 'seats_taken":1' in health_text(server))
    assert status(server, "/healthz/live") == 200
    server.process.send_signal(signal.SIGINT)
    for stream in streams:
        stream.read()
    assert server.process.wait(20) == 0
    assert was_not_killed(server), server.output()


def health_text(server: Server) -> str:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    with closing(connection):
        connection.request("GET", "/healthz")
        return connection.getresponse().read().decode().replace(" ", "")


def test_a_host_application_can_tell_that_its_worker_drains(
    start_server: StartServer, stack: ExitStack
) -> None:
    server = start_server("gunicorn", *CONFIG, app=HOST_APP, health="/ready", **LONG)
    client = stack.enter_context(raw(server, "/rooms/x"))
    server.process.send_signal(signal.SIGTERM)
    wait_until(lambda: status(server, "/ready") == 503)
    client.send(frame(0x81, b"hello"))
    assert client.receive().payload == b"x: hello"
    server.process.send_signal(signal.SIGINT)
    expect_goodbyes([client])
    assert server.process.wait(20) == 0


def test_a_configuration_that_keeps_the_master_silent_is_named(
    start_server: StartServer, tmp_path: Path
) -> None:
    own = tmp_path / "own.py"
    own.write_text("from flask_echo.gunicorn_conf import *\ndef on_starting(server):\n    pass\n")
    server = start_server("gunicorn", "--config", str(own), app=HOST_APP, health="/ready", **LONG)
    server.await_output("call flask_echo.gunicorn_conf.on_starting in your on_starting")
    with raw(server, "/rooms/x") as client:
        server.process.send_signal(signal.SIGTERM)
        expect_goodbyes([client])
    assert server.process.wait(20) == 0
