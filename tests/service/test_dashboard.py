"""Each event is seen in its panel: a real service, Debian's Prometheus, and deploy/grafana.json."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.clients import (
    TIMEOUT,
    RawWebSocket,
    ask,
    close_frame,
    frame,
    raw,
    request_bytes,
)
from tests.support.dashboard import PATIENCE, Board, Name
from tests.support.products.haproxy import HAPROXY
from tests.support.products.product import running
from tests.support.prometheus import Prometheus, scraping
from tests.support.servers import Server, StartServer
from tests.support.waiting import wait_until
from tests.support.workers import workers_of

pytestmark = pytest.mark.slow

# Of each of the two workers.
SEATS = 20
SETTINGS = {
    "METRICS": "true",
    "MAX_CONNECTIONS": SEATS,
    "ALLOWED_ORIGINS": "https://example.org",
    # The clients here answer neither a ping nor a Close frame.
    "PING_INTERVAL_SECONDS": 0,
    "CLOSE_TIMEOUT_SECONDS": 1,
    # Each is longer than Prometheus needs for two looks.
    "DRAIN_DELAY_SECONDS": 3,
    "DRAIN_SPREAD_SECONDS": 5,
}
PLAIN = b"GET /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

KINDS = ("text", "binary")
CLOSED = "Closed, by code and initiator"
REFUSED = "Refused, by status"
TAKEN: Name = ("Seats", "taken")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


class Stage:
    """A service with two workers, Prometheus, and the dashboard."""

    def __init__(self, server: Server, prometheus: Prometheus, stack: ExitStack) -> None:
        self.server = server
        self.prometheus = prometheus
        self.board = Board(prometheus)
        self.stack = stack
        self.instance = f"127.0.0.1:{server.port}"
        self.open: Name = ("Connections open", self.instance)
        self.board.await_value(("Seats", "seats"), 2 * SEATS)

    def load(self) -> list[RawWebSocket]:
        """Let five clients converse."""
        self.board.mark()
        clients = [self.stack.enter_context(raw(self.server)) for _ in range(5)]
        for client in clients:
            converse(client)
        self.board.await_changes(
            [
                *(("WebSockets open", "open"), self.open, ("Connections opened", self.instance)),
                *(TAKEN, ("Seats taken", "taken"), ("Payload", "in"), ("Payload", "out")),
                *(("Messages", f"{way} {kind}") for way in ("in", "out") for kind in KINDS),
            ]
        )
        self.board.await_value(self.open, 5)
        return clients

    def leave(self, clients: list[RawWebSocket]) -> None:
        """Let them close their connections."""
        self.board.mark()
        for client in clients:
            client.send(close_frame(1000))
            client.rest()
            client.sock.close()
        durations: list[Name] = [("Duration", "half of them"), ("Duration, how many", "+Inf")]
        self.board.await_changes([(CLOSED, "1000 client"), *durations], falling=[self.open])
        self.board.await_value(TAKEN, 0)

    def kill_proxy(self) -> None:
        """Kill HAProxy, and 25 connections with it: the alert needs more than 20."""
        with running(HAPROXY, HAPROXY.correct, backend=self.instance) as proxy:
            self._take_seats(25, proxy.port)
            self.board.await_value(self.open, 25)
            self.board.mark()
            proxy.send(signal.SIGKILL)
            share = ("Share of ends with 1006", self.instance)
            self.board.await_changes([(CLOSED, "1006 none"), share], falling=[self.open])
        self.board.await_value(TAKEN, 0)

    def take_memory(self) -> None:
        """Send a large message but for its end."""
        self.board.mark()
        with raw(self.server) as client:
            client.send(frame(0x82, bytes(500_000))[:-1])
            in_use: list[Name] = [
                ("Memory for messages", "in use"),
                ("Memory for messages in use", "in use"),
            ]
            self.board.await_changes(in_use)
        self.board.await_value(TAKEN, 0)

    def refuse(self) -> None:
        """Take all seats, and ask for more, and in a wrong way."""
        self.board.mark()
        self._take_seats(2 * SEATS, self.server.port)
        assert ask(self.server, request_bytes()).status == 503
        assert ask(self.server, PLAIN).status == 426
        foreign = request_bytes(changes={"Origin": "https://example.com"})
        assert ask(self.server, foreign).status == 403
        self.board.await_changes([(REFUSED, status) for status in ("403", "426", "503")])
        self.board.await_value(("Seats taken", "taken"), 1)

    def _take_seats(self, count: int, port: int) -> None:
        """Each new connection goes to one of the workers by chance, and may find it full."""
        taken = 0
        for _ in range(1000):
            sock = self.stack.enter_context(socket.create_connection(("127.0.0.1", port), TIMEOUT))
            sock.sendall(request_bytes())
            taken += sock.recv(12) == b"HTTP/1.1 101"
            if taken == count:
                return
        raise AssertionError(f"{taken} seats taken")

    def kill_worker(self) -> None:
        """Kill one of the workers, and its connections with it."""
        self.board.await_value(self.open, 2 * SEATS)
        self.board.mark()
        os.kill(workers_of(self.server)[0], signal.SIGKILL)
        vanished: Name = ("Connections that vanished", self.instance)
        self.board.await_changes([vanished], falling=[self.open, ("Seats taken", "taken")])
        self.board.await_value(vanished, SEATS)
        self.board.await_value(self.open, SEATS)
        self.board.await_value(("Seats", "seats"), 2 * SEATS)

    def drain(self) -> None:
        """Stop the service. Its end looks to Prometheus as that of a killed host."""
        self.board.mark()
        assert not self._has_stopped_as_a_whole()
        self.server.process.send_signal(signal.SIGTERM)
        drains: list[Name] = [("Draining", self.instance), ("Instances that drain", "draining")]
        self.board.await_changes([*drains, (CLOSED, "1001 server")])
        wait_until(self._has_stopped_as_a_whole, PATIENCE)
        self.board.await_changes([], falling=[("Up", self.instance), ("Targets up", "up")])
        assert self.server.process.wait(PATIENCE) == 0

    def _has_stopped_as_a_whole(self) -> bool:
        query = "instance:websocket_draining:whole_server"
        return bool(self.prometheus.lines(query, self.board.began))

    def await_alerts(self, state: str, *alerts: str) -> None:
        """Wait until each of these alerts has been in a state since the beginning."""
        wait_until(lambda: set(alerts) <= self._alerts(state), PATIENCE, self._all_alerts)

    def _alerts(self, state: str) -> set[str]:
        query = f'ALERTS{{alertstate="{state}"}}'
        found = self.prometheus.lines(query, self.board.began)
        return {labels["alertname"] for labels, _ in found}

    def _all_alerts(self) -> str:
        return str({state: self._alerts(state) for state in ("pending", "firing")})


def converse(client: RawWebSocket) -> None:
    for first in (0x81, 0x82):
        client.send(frame(first, b"hello"))
        assert client.receive().payload == b"hello"


def test_each_event_changes_the_panel_that_shows_it(
    start_server: StartServer, stack: ExitStack, tmp_path: Path
) -> None:
    server = start_server("gunicorn", "--workers", "2", **SETTINGS)
    prometheus = stack.enter_context(scraping(server.port, tmp_path))
    stage = Stage(server, prometheus, stack)
    assert stage.board.choices("job") == ["flask-echo"]
    assert stage.board.choices("instance") == [stage.instance]
    stage.leave(stage.load())
    stage.kill_proxy()
    stage.take_memory()
    stage.refuse()
    stage.kill_worker()
    stage.drain()
    stage.await_alerts("pending", "FlaskEchoSeatsNearlyFull", "FlaskEchoDrainDoesNotEnd")
    killed = ("FlaskEchoWorkerDied", "FlaskEchoLosesConnections", "FlaskEchoDown")
    stage.await_alerts("firing", *killed)
    assert {rule["health"] for rule in prometheus.rules()} == {"ok"}
    assert stage.board.queries_without_values() == []
