"""gunicorn with this project's worker: stopping, hostile visitors, and its count of connections.

How long a stop may take is asserted by gunicorn itself: after ``graceful_timeout``, which is
the close time-out plus two seconds, its master kills, and says so.
"""

import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from threading import Thread

import pytest

from tests.support.clients import RawWebSocket, ask, close_frame, dial, frame, health, raw
from tests.support.servers import Server, StartServer
from tests.support.waiting import wait_until
from tests.support.workers import worker_of

pytestmark = pytest.mark.also_over_tls

PAGE = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST_PAGE = PAGE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


def test_flask_run_speaks_tls_too(start_server: StartServer, certificate: list[str]) -> None:
    server = start_server("flask", "--cert", certificate[1], "--key", certificate[3])
    with raw(server, early=frame(0x81, b"early")) as client:
        client.send(frame(0x82, bytes(100_000)))
        assert [client.receive().payload for _ in range(2)] == [b"early", bytes(100_000)]
        client.send(close_frame(1000))
        assert client.receive().close_code == 1000
        assert client.rest() == b""
    assert ended_by_itself(server), server.output()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def beginning(over_tls: bool) -> bytes:
    """The first bytes of a request, or of a TLS handshake (RFC 8446, section 5.1)."""
    return b"\x16\x03\x01" if over_tls else PAGE[:20]


def stuck(server: Server) -> RawWebSocket:
    """A client that sends until it can no more, and reads nothing."""
    client = raw(server, receive_buffer=4096)
    client.sock.settimeout(0.5)
    endless = frame(0x82, bytes(65536))
    with suppress(TimeoutError):
        while True:
            client.send(endless)
    return client


class Busy(Thread):
    """A client that always has a message under way, until it gets a Close frame."""

    def __init__(self, client: RawWebSocket) -> None:
        super().__init__()
        self.client = client
        self.answered = 0
        self.closed_with: int | None = None
        self.start()

    def run(self) -> None:
        while True:
            self.client.send(frame(0x81, b"%d" % self.answered))
            got = self.client.receive()
            if got.first == 0x88:
                self.closed_with = got.close_code
                return finish(self.client)
            assert got.payload == b"%d" % self.answered
            self.answered += 1


class Restless(Thread):
    """A client that sends without a pause, whatever it is answered, until it gets a Close frame."""

    def __init__(self, client: RawWebSocket) -> None:
        super().__init__()
        self._client = client
        self._done = False
        self.closed_with: int | None = None
        self.start()
        Thread(target=self._send).start()

    def _send(self) -> None:
        burst = frame(0x81, b"and another thing") * 5000
        while not self._done:
            self._client.send(burst)
        finish_sending(self._client)

    def run(self) -> None:
        # Frames are looked at where they matter only: this must be faster than the server.
        got = b""
        while b"\x88" not in got:
            got = got[-3:] + self._client.sock.recv(2**20)
        self._done = True
        end = got[got.index(b"\x88") :] + self._client.rest()
        self.closed_with = int.from_bytes(end[2:4], "big")


def finish_sending(client: RawWebSocket) -> None:
    """Answer the Close frame, and say that nothing more will come."""
    client.send(close_frame(1001))
    socket.socket.shutdown(client.sock, socket.SHUT_WR)


def finish(client: RawWebSocket) -> None:
    """Answer the Close frame and read to the end of the stream."""
    client.send(close_frame(1001))
    assert client.rest() == b""


def ended_by_itself(server: Server) -> bool:
    """Whether no worker had to be killed, and nothing went wrong on the way."""
    output = server.output()
    return not re.search("SIGKILL|Traceback|ERROR", output)


@pytest.mark.parametrize("how", ["stop", "reload"])
def test_everybody_who_reads_gets_1001_after_the_replies_that_are_owed(
    start_server: StartServer, stack: ExitStack, over_tls: bool, how: str
) -> None:
    server = start_server("gunicorn", CLOSE_TIMEOUT_SECONDS=5)
    idle = [stack.enter_context(raw(server)) for _ in range(20)]
    busy = [Busy(stack.enter_context(raw(server))) for _ in range(5)]
    for client in (stuck(server), stuck(server)):
        stack.enter_context(client)
    half = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
    half.sendall(beginning(over_tls))
    wait_until(lambda: all(client.answered for client in busy))
    server.process.send_signal(signal.SIGTERM if how == "stop" else signal.SIGHUP)
    for client in idle:
        assert client.receive().close_code == 1001
        finish(client)
    for thread in busy:
        thread.join(10)
        assert thread.closed_with == 1001
    if how == "stop":
        assert server.process.wait(20) == 0
    else:
        wait_until(lambda: "Worker exiting" in server.output(), 20)
        with raw(server) as client:
            client.send(frame(0x81, b"new worker"))
            assert client.receive().payload == b"new worker"
    assert server.stop() == 0
    assert ended_by_itself(server), server.output()


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGQUIT])
def test_ctrl_c_and_sigquit_are_quick_and_polite(
    start_server: StartServer, stack: ExitStack, sign: int
) -> None:
    # With a close time-out of a minute, only the quick way out ends within the test.
    patient = ("--worker-class", "tests.support.counting.PatientWorker")
    server = start_server("gunicorn", *patient, CLOSE_TIMEOUT_SECONDS=60)
    polite, silent = (stack.enter_context(raw(server)) for _ in range(2))
    stack.enter_context(stuck(server))
    server.press(sign)
    for client in (polite, silent):
        assert client.receive().close_code == 1001
    finish(polite)
    assert server.process.wait(20) == 0
    assert ended_by_itself(server), server.output()


def test_a_quick_stop_is_polite_to_a_client_that_never_pauses(start_server: StartServer) -> None:
    patient = ("--worker-class", "tests.support.counting.PatientWorker")
    server = start_server("gunicorn", *patient, CLOSE_TIMEOUT_SECONDS=60)
    with raw(server) as client:
        restless = Restless(client)
        server.press(signal.SIGINT)
        restless.join(10)
        assert restless.closed_with == 1001
    assert server.process.wait(20) == 0
    assert ended_by_itself(server), server.output()


def test_a_request_that_arrives_during_a_stop_gets_its_response(start_server: StartServer) -> None:
    patient = ("--worker-class", "tests.support.counting.PatientWorker")
    server = start_server("gunicorn", *patient, CLOSE_TIMEOUT_SECONDS=20)
    with (
        dial(server) as visitor,
        raw(server) as client,  # Connections are accepted in order, so the visitor's is, too.
    ):
        server.process.send_signal(signal.SIGTERM)
        assert client.receive().close_code == 1001
        visitor.settimeout(0.5)
        with pytest.raises(TimeoutError):
            visitor.recv(1)  # It would return an end of the stream.
        visitor.settimeout(10)
        visitor.sendall(PAGE)
        assert visitor.recv(12) == b"HTTP/1.1 200"
        finish(client)
    assert server.process.wait(20) == 0
    assert ended_by_itself(server), server.output()


def test_a_worker_that_is_replaced_says_goodbye_too(start_server: StartServer) -> None:
    # The fixture has asked for the health of the server, so the page is the third request.
    server = start_server("gunicorn", "--max-requests", "3")
    with raw(server) as client:
        ask(server, LAST_PAGE)
        assert client.receive().close_code == 1001
        finish(client)
    wait_until(lambda: "Worker exiting" in server.output())
    wait_until(lambda: health(server)["connections"] == 0)


def test_visitors_that_do_not_close_do_not_delay_the_next(server: Server, stack: ExitStack) -> None:
    lingering = [stack.enter_context(dial(server)) for _ in range(50)]
    for sock in lingering:
        sock.sendall(LAST_PAGE)
    for sock in lingering:
        assert sock.recv(12) == b"HTTP/1.1 200"
    # On an accept loop that drains each of them for two seconds, this would take a minute.
    assert ask(server, PAGE).status == 200


def test_half_a_header_delays_nobody_and_is_cut_behind_a_full_house_too(
    start_server: StartServer, stack: ExitStack, over_tls: bool
) -> None:
    server = start_server("gunicorn", MAX_CONNECTIONS=2)
    for _ in range(2):
        stack.enter_context(raw(server))
    half = [
        stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 20))
        for _ in range(100)
    ]
    for sock in half:
        sock.sendall(beginning(over_tls))
    visitor = stack.enter_context(raw(server, "/", {"Sec-WebSocket-Key": None}, status=400))
    assert b"Sec-WebSocket-Key" in visitor.rest()
    for sock in half:
        with suppress(ConnectionResetError):
            assert sock.recv(1) == b""


@pytest.mark.parametrize("header", [b"", b"Upgrade: x\r\n"], ids=["plain", "upgrade"])
def test_a_visitor_that_does_not_read_its_answer_is_cut(
    start_server: StartServer, stack: ExitStack, header: bytes
) -> None:
    server = start_server("gunicorn", "--worker-class", "tests.support.counting.ImpatientWorker")
    deaf = stack.enter_context(dial(server, receive_buffer=2048))
    path = b"/static/vendor/pico/pico.min.css"
    # More than the kernel's buffers take.
    deaf.sendall((b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n") * 100)
    wait_until(lambda: not is_established(deaf))
    assert "Traceback" not in server.output()


def test_without_descriptors_visitors_wait_and_nothing_breaks(
    start_server: StartServer, stack: ExitStack
) -> None:
    server = start_server("gunicorn", "--worker-class", "tests.support.counting.StarvedWorker")
    client = stack.enter_context(raw(server))
    with ExitStack() as crowd:
        for _ in range(100):
            crowd.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        wait_until(lambda: "Cannot accept" in server.output(), describe=server.describe)
        client.send(frame(0x81, b"still here"))
        assert client.receive().payload == b"still here"
    wait_until(lambda: ask(server, PAGE).status == 200)
    assert "Traceback" not in server.output()


def is_established(sock: socket.socket) -> bool:
    """Whether the other side has neither ended nor reset this connection; see tcp(7)."""
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == 1


def test_the_count_of_connections_returns_to_zero(
    start_server: StartServer, stack: ExitStack
) -> None:
    server = start_server("gunicorn", "--worker-class", "tests.support.counting.CountingWorker")
    for _ in range(20):
        with raw(server) as client:
            client.send(frame(0x81, b"x") + close_frame())
            client.rest()
        raw(server).sock.close()
        ask(server, LAST_PAGE)
        ask(server, PAGE)
        with suppress(AssertionError):
            raw(server, changes={"Upgrade": None})
        socket.create_connection(("127.0.0.1", server.port)).close()

    def counts() -> list[int]:
        return [int(count) for count in re.findall(r"counted: (-?\d+)\.", server.output())]

    wait_until(lambda: max(counts()) > 0 and counts()[-1] == 0, 20, server.describe)
    assert min(counts()) == 0
    assert server.stop() == 0
    assert min(counts()) == 0


def test_a_body_that_turns_out_bad_after_the_response_gets_no_second_one(server: Server) -> None:
    bad = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n"
    with dial(server) as sock:
        sock.sendall(bad)
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    assert answer.count(b"HTTP/1.1 ") == 1, answer
    assert answer.startswith(b"HTTP/1.1 405 ")


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="Linux only")
def test_no_thread_of_a_busy_worker_takes_the_core_from_another(start_server: StartServer) -> None:
    server = start_server("gunicorn", "--worker-class", "tests.support.counting.EasilyBusyWorker")
    worker = worker_of(server)
    # Each NUL of the answer takes six characters, so the worker has more to do than the client.
    message = frame(0x81, bytes(2**20))

    def policies_after_messages() -> set[int]:
        for _ in range(10):
            client.send(message)
            length = 0
            while length < 6 * 2**20:
                length += len(client.receive().payload)
        return policies(worker)

    with raw(server, "/WS.ashx") as client:
        wait_until(lambda: policies_after_messages() == {os.SCHED_BATCH}, 30)
        assert os.sched_getscheduler(server.process.pid) == os.SCHED_OTHER
        wait_until(lambda: policies(worker) == {os.SCHED_OTHER}, 30)


def policies(pid: int) -> set[int]:
    """Return the scheduling policies of the threads of a process."""
    return {os.sched_getscheduler(int(name)) for name in os.listdir(f"/proc/{pid}/task")}


def test_a_response_that_reaches_nobody_is_not_written(start_server: StartServer) -> None:
    server = start_server(
        *("gunicorn", "--log-level", "debug", "--access-logfile", "-"),
        *("--access-logformat", "access: %(s)s"),
    )
    with raw(server) as client:
        client.send(close_frame())
        client.rest()
    wait_until(lambda: "access: 101" in server.output(), 10, server.describe)
    assert server.stop() == 0
    assert "epipe" not in server.output()
    assert "not connected" not in server.output()


def test_a_worker_freezes_its_application_and_its_settings(start_server: StartServer) -> None:
    server = start_server("gunicorn", "--worker-class", "tests.support.counting.ReportingWorker")
    wait_until(lambda: "settings are attributes" in server.output(), 10, server.describe)
    for what in ("objects are frozen", "settings are attributes"):
        counts = [int(count) for count in re.findall(rf"(\d+) {what}", server.output())]
        assert min(counts) > 100, what
