"""A server stops behind HAProxy: it looks unready, then gets no new clients, then loses the old."""

import re
import selectors
import signal
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from time import monotonic

import pytest

from tests.support.clients import RawWebSocket, ask, close_frame, frame, raw
from tests.support.products.haproxy import HAPROXY
from tests.support.products.product import Running, running
from tests.support.servers import Server, StartServer
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

# HAProxy needs one or two seconds to notice. The rest is for a machine that is busy.
DELAY_SECONDS = 15
# A tenth is long enough that a machine which pauses for a moment moves few ends into the next one.
SPREAD_SECONDS = 40
CLIENTS = 200

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
LIVE = b"GET /healthz/live HTTP/1.1\r\nHost: localhost\r\n\r\n"

LINES = """
frontend in
    bind 127.0.0.1:PORT
    default_backend hosts

backend hosts
    balance leastconn
    option httpchk GET /healthz
    option redispatch
    timeout tunnel 1h
    http-response set-header Host-Name %s
    default-server check inter 500ms fall 2 rise 2
    server stopping BACKEND
    server staying SECOND
"""


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


class Crowd:
    """Clients behind HAProxy that answer a Close frame, then connect again, as the page does."""

    def __init__(self, proxy: Running, stack: ExitStack) -> None:
        self._proxy = proxy
        self._stack = stack
        self._poller = stack.enter_context(selectors.DefaultSelector())
        self.replies = 0

    def open(self) -> tuple[RawWebSocket, str]:
        """Open a WebSocket, and return it with the name of the host that has it."""
        sock = socket.create_connection(("127.0.0.1", self._proxy.port), 10)
        client = self._stack.enter_context(RawWebSocket(sock))
        host = re.search(rb"\r\nhost-name: (\w+)", client.head, re.IGNORECASE)
        assert host is not None, client.head
        return client, host[1].decode()

    def watch(self, clients: list[RawWebSocket]) -> None:
        """Look at these clients from now on."""
        for client in clients:
            self._poller.register(client.sock, selectors.EVENT_READ, client)

    def has_news(self) -> bool:
        """Whether something has come for one of them."""
        return bool(self._poller.select(0))

    def goodbyes(self) -> Iterator[float]:
        """Yield the time of each Close frame, and meanwhile talk with those that have none."""
        while watched := self._poller.get_map():
            events = self._poller.select(20)
            assert events, f"{len(watched)} clients have got no Close frame"
            for key, _ in events:
                if self._is_goodbye(key.data):
                    now = monotonic()
                    self._poller.unregister(key.fileobj)
                    self._reconnect(key.data)
                    yield now
                    self._talk()

    def _is_goodbye(self, client: RawWebSocket) -> bool:
        """Read a frame of a client: a Close frame, a ping, or a reply."""
        got = client.receive()
        if got.first == 0x89:
            client.send(frame(0x8A, got.payload))
            return False
        if got.first == 0x81:
            self.replies += 1
            return False
        assert got.close_code == 1001
        return True

    def _reconnect(self, client: RawWebSocket) -> None:
        client.send(close_frame(1001))
        assert client.rest() == b""
        assert self.open()[1] == "staying"

    def _talk(self) -> None:
        """Send a message on the connection that was opened last."""
        if keys := list(self._poller.get_map().values()):
            keys[-1].data.send(frame(0x81, b"hello"))


def shares(times: list[float]) -> Counter[int]:
    """Count the ends in each tenth of the spread, which the first one begins."""
    return Counter(int((time - times[0]) * 10 / SPREAD_SECONDS) for time in times)


def test_readiness_fails_then_new_clients_go_elsewhere_then_old_ones_get_1001_evenly(
    start_server: StartServer, stack: ExitStack
) -> None:
    stopping, staying = (
        start_server(
            "gunicorn",
            DRAIN_DELAY_SECONDS=delay,
            DRAIN_SPREAD_SECONDS=spread,
            CLOSE_TIMEOUT_SECONDS=30,
        )
        for delay, spread in ((DELAY_SECONDS, SPREAD_SECONDS), (0, 0))
    )
    known = {name: f"127.0.0.1:{server.port}"
             for name, server in (("backend", stopping), ("second", staying))}  # fmt: skip
    crowd = Crowd(stack.enter_context(running(HAPROXY, LINES, **known)), stack)
    opened = [crowd.open() for _ in range(2 * CLIENTS)]
    old = [client for client, host in opened if host == "stopping"]
    assert len(old) == CLIENTS
    crowd.watch(old)

    stopping.process.send_signal(signal.SIGTERM)
    # 1. Readiness fails while new connections still succeed, wherever HAProxy sends them.
    wait_until(lambda: ask(stopping, HEALTH).status == 503)
    assert_serves(stopping)
    crowd.open()
    # 2. New connections go elsewhere, although this server would still take them.
    wait_until(lambda: [crowd.open()[1] for _ in range(5)] == ["staying"] * 5)
    assert_serves(stopping)
    assert not crowd.has_news()
    # 3. The old ones end, evenly, and each is served until then.
    times = []
    for time in crowd.goodbyes():
        times.append(time)
        if len(times) % 20 == 10:
            raw(stopping, status=503).sock.close()
            assert ask(stopping, HEALTH).status == 503
            assert ask(stopping, LIVE).status == 200
    assert len(times) == CLIENTS
    assert crowd.replies > CLIENTS / 2
    counted = shares(times)
    assert max(counted.values()) <= 2 * CLIENTS / 10, counted
    assert stopping.process.wait(30) == 0
    assert "SIGKILL" not in stopping.output()
    assert "Traceback" not in stopping.output()


def assert_serves(server: Server) -> None:
    """Open a WebSocket past HAProxy, and have a message returned."""
    with raw(server) as client:
        client.send(frame(0x81, b"hello"))
        assert client.receive().payload == b"hello"
        client.send(close_frame())
        client.receive()
