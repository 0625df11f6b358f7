"""Hostile and broken clients: no stuck thread, no lost seat, no traceback, flat memory.

All of them visit one server. What they cost it is asked of gunicorn and of the kernel.
"""

import random
import re
import socket
import struct
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest

from tests.support.clients import RawWebSocket, ask, close_frame, frame, health, raw, request_bytes
from tests.support.servers import Server, StartServer
from tests.support.waiting import wait_until
from tests.support.workers import status, worker_of

DEFLATE = {"Sec-WebSocket-Extensions": "permessage-deflate"}
# More than a fault that leaks could hide in: 64 KiB for each of 200 clients would be 12.5 MiB.
SLACK_KIB = 24 * 1024
ROUNDS = 5


@pytest.fixture(scope="module")
def victim() -> Iterator[Server]:
    """A server that all faults happen to; small and quick to give up."""
    server = Server(
        "gunicorn",
        *("--worker-class", "tests.support.counting.CountingWorker"),
        MAX_CONNECTIONS=300,
        MAX_MESSAGE_BYTES=2**20,
        SEND_TIMEOUT_SECONDS=1,
        CLOSE_TIMEOUT_SECONDS=1,
    )
    yield server
    server.stop()
    output = server.output()
    assert "Traceback" not in output, output
    assert "ERROR" not in output, output


def await_idle(victim: Server) -> None:
    """Wait until all seats are free, and gunicorn counts no connection."""
    wait_until(lambda: health(victim)["seats_taken"] == 0, 20, victim.describe)
    # Without another request, which would be counted.
    wait_until(lambda: counted(victim) in ([], ["0"]), 20, victim.describe)


def counted(victim: Server) -> list[str]:
    """Return gunicorn's last count of connections, if there is one."""
    return re.findall(r"counted: (-?\d+)\.", victim.output())[-1:]


@pytest.fixture(autouse=True)
def unharmed(victim: Server) -> Iterator[None]:
    """After each fault everything is as it was."""
    yield
    await_idle(victim)
    with raw(victim) as client:
        client.send(frame(0x81, b"alive"))
        assert client.receive().payload == b"alive"


def without_growth(victim: Server, fault: Callable[[], None]) -> None:
    """Repeat the fault until a round adds no memory. A leak adds some in every round.

    One round proves nothing. The first makes what is made once, and the allocator keeps an arena
    per thread, so a round with more threads at the same time than before adds memory only once.
    """
    pid = worker_of(victim)
    memory = []
    for _ in range(ROUNDS):
        fault()
        await_idle(victim)
        memory.append(status(pid, "VmRSS"))
        if len(memory) > 1 and memory[-1] <= memory[-2] + SLACK_KIB:
            return
    raise AssertionError(f"the resident memory grew in every round (KiB): {memory}")


def reset(sock: socket.socket) -> None:
    """End with a reset instead of the end of the stream."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


# -- Resets, at each point of a connection's life ----------------------------------------------

LIFE = request_bytes(changes=DEFLATE) + frame(0x81, b"x" * 200) + close_frame()
WHOLE = frame(0x81, b"whole")


def connect(victim: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", victim.port), 10)


def test_a_reset_after_any_number_of_bytes(victim: Server) -> None:
    def fault() -> None:
        for end in range(0, len(LIFE), 3):
            sock = connect(victim)
            sock.sendall(LIFE[:end])
            reset(sock)

    without_growth(victim, fault)


@pytest.mark.parametrize(
    "last_words",
    [b"", WHOLE, WHOLE[:4], frame(0x01, b"part"), close_frame(), frame(0x83), WHOLE * 1000],
    ids=["idle", "message", "half a frame", "fragment", "close", "error", "flood"],
)
@pytest.mark.parametrize("ending", [reset, socket.socket.close], ids=["reset", "end of stream"])
def test_an_end_in_the_middle_of_a_conversation(
    victim: Server, last_words: bytes, ending: Callable[[socket.socket], None]
) -> None:
    def fault() -> None:
        for _ in range(20):
            client = raw(victim)
            client.send(last_words)
            ending(client.sock)

    without_growth(victim, fault)


def test_half_open_peers_are_noticed_by_their_silence(start_server: StartServer) -> None:
    server = start_server("gunicorn", PING_INTERVAL_SECONDS=0.2, PING_TIMEOUT_SECONDS=0.2)
    with ExitStack() as stack:
        silent = [stack.enter_context(raw(server)) for _ in range(20)]
        wait_until(lambda: health(server)["seats_taken"] == 20)
        # They do not even acknowledge the end, and the server waits for that only so long.
        wait_until(lambda: health(server)["seats_taken"] == 0, 20)
        assert all(client.receive().first == 0x89 for client in silent)


# -- Size --------------------------------------------------------------------------------------


def refused(client: RawWebSocket, data: bytes) -> int:
    """The code with which the server refuses ``data``; a clean end must follow."""
    with client:
        client.send(data)
        closed = client.receive()
        client.send(close_frame(closed.close_code))
        assert client.rest() == b""
        return closed.close_code


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(0x82, bytes(2**20 + 1))[:2000], 1009),
        (b"\x82\xff" + (2**62).to_bytes(8, "big") + b"mask", 1009),
        (b"\x82\xff" + (2**63).to_bytes(8, "big") + b"mask", 1002),
        (frame(0x02, bytes(2**19)) + frame(0x00, bytes(2**19)) + frame(0x80, b"x"), 1009),
    ],
    ids=["over the limit", "2^62", "2^63", "fragments"],
)
def test_a_flood_of_oversized_messages(victim: Server, data: bytes, code: int) -> None:
    def fault() -> None:
        with ThreadPoolExecutor(10) as pool:
            codes = pool.map(lambda _: refused(raw(victim), data), range(100))
            assert set(codes) == {code}

    without_growth(victim, fault)


def bomb() -> bytes:
    """A compressed frame of 64 KiB that inflates to 64 MiB."""
    deflate = zlib.compressobj(9, wbits=-15)
    data = b"".join(deflate.compress(bytes(2**20)) for _ in range(64))
    return frame(0xC2, data + deflate.flush(zlib.Z_SYNC_FLUSH)[:-4])


def test_deflate_bombs(victim: Server) -> None:
    data = bomb()
    assert len(data) < 70_000

    def fault() -> None:
        with ThreadPoolExecutor(10) as pool:
            codes = pool.map(lambda _: refused(raw(victim, changes=DEFLATE), data), range(40))
            assert set(codes) == {1009}

    without_growth(victim, fault)


def test_clients_that_send_and_never_read_cost_no_memory(victim: Server) -> None:
    endless = frame(0x82, bytes(2**18))

    def flood(_: int) -> None:
        with raw(victim, receive_buffer=4096) as client:
            client.sock.settimeout(20)
            # Until it is given up, which resets the connection.
            with suppress(ConnectionError):
                while True:
                    client.send(endless)

    def fault() -> None:
        with ThreadPoolExecutor(20) as pool:
            list(pool.map(flood, range(20)))

    without_growth(victim, fault)


# -- Nonsense ----------------------------------------------------------------------------------


def test_thousands_of_random_byte_streams(victim: Server) -> None:
    chance = random.Random(6455)

    def nonsense(seed: int) -> None:
        noise = random.Random(seed)
        data = noise.randbytes(noise.randrange(400))
        if seed % 2:  # Plausible first bytes lead further in.
            data = bytes([noise.choice((0x81, 0x82, 0x01, 0x80, 0xC1, 0x88, 0x89))]) + data
        with suppress(ConnectionError), raw(victim, changes=DEFLATE) as client:
            client.send(data)
            client.sock.shutdown(socket.SHUT_WR)
            client.rest()

    def fault() -> None:
        seeds = [chance.randrange(2**32) for _ in range(1000)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(nonsense, seeds))

    without_growth(victim, fault)


def test_nonsense_instead_of_a_request(victim: Server) -> None:
    def fault() -> None:
        for seed in range(200):
            with suppress(ConnectionError), connect(victim) as sock:
                sock.sendall(random.Random(seed).randbytes(300) + b"\r\n\r\n")
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(65536):
                    pass

    without_growth(victim, fault)


# -- Seats and threads ---------------------------------------------------------------------------


def test_of_many_at_once_exactly_as_many_as_there_are_seats_come_in(
    start_server: StartServer,
) -> None:
    server = start_server("gunicorn", MAX_CONNECTIONS=20)
    with ExitStack() as stack, ThreadPoolExecutor(60) as pool:
        socks = [stack.enter_context(connect(server)) for _ in range(60)]

        def status_of(sock: socket.socket) -> bytes:
            sock.sendall(request_bytes())
            return sock.recv(12)

        answers = list(pool.map(status_of, socks))
        assert answers.count(b"HTTP/1.1 101") == 20
        assert answers.count(b"HTTP/1.1 503") == 40
        assert health(server)["seats_taken"] == 20
        assert ask(server, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").status == 200


@pytest.mark.parametrize("kind", ["gunicorn", "flask"])
def test_a_connection_is_one_thread(start_server: StartServer, kind: str) -> None:
    server = start_server(kind)
    pid = worker_of(server) if kind == "gunicorn" else server.process.pid
    before = status(pid, "Threads")
    with ExitStack() as stack:
        for _ in range(50):
            client = stack.enter_context(raw(server))
            client.send(WHOLE)
            client.receive()
        wait_until(lambda: health(server)["connections"] == 50)
        # And one for the request that has asked for the health.
        assert status(pid, "Threads") <= before + 51
