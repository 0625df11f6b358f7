"""What strangers can make a worker hold: the bounds that the README states."""

import select
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from itertools import repeat

import pytest

from flask_echo.websocket.frames import RSV1
from tests.support.clients import RawWebSocket, deflated, frame, health, raw
from tests.support.servers import Server, StartServer
from tests.support.waiting import wait_until
from tests.support.workers import status, worker_of

pytestmark = [pytest.mark.slow, pytest.mark.also_over_tls]

KIB = 1024
MIB = 2**20
KEY = bytes(4)  # Masks nothing, which is quick.
DEFLATE = {"Sec-WebSocket-Extensions": "permessage-deflate"}

MESSAGE = 4 * MIB
BUDGET = 24 * MIB
CLIENTS = 60
# What a connection may hold outside the budget: 64 KiB and what it takes when idle; and zlib.
EACH_KIB = 64 + 50
ZLIB_KIB = 160
# The allocator cannot return each free piece at once. The default budget leaves as much again.
FRAGMENTED = 2
# Each of its four arenas keeps 4 MiB at its end.
SLACK_KIB = 16 * KIB


@pytest.fixture(scope="module")
def small() -> Iterator[Server]:
    """A server with a small budget."""
    server = Server(
        "gunicorn",
        MAX_MESSAGE_BYTES=MESSAGE,
        MAX_BUFFERED_BYTES=BUDGET,
        SEND_TIMEOUT_SECONDS=5,
        TRUSTED_PROXIES=1,
    )
    yield server
    server.stop()
    output = server.output()
    assert "Traceback" not in output, output


def emoji(size: int) -> bytes:
    """A text of which Python keeps each character in four bytes."""
    return ("\N{GRINNING FACE}" + "x" * 1020).encode() * (size // KIB)


ATTACKS: dict[str, tuple[str, bytes]] = {
    "NULs that become six characters": ("/WS.ashx", frame(0xC1, deflated(bytes(MESSAGE)), KEY)),
    "an echo that nobody takes": ("/echo", frame(0x81, b"x" * MESSAGE, KEY)),
    "a compressed echo that nobody takes": ("/echo", frame(0xC2, deflated(bytes(MESSAGE)), KEY)),
    "text with one emoji per KiB": ("/echo", frame(0x81, emoji(MESSAGE), KEY)),
    "messages that never end": ("/echo", frame(0x81, emoji(MESSAGE), KEY)[:-1]),
    "fragments that never end": ("/echo", frame(0x41, deflated(bytes(MESSAGE)), KEY)),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_many_large_messages_take_no_more_than_the_budget(small: Server, attack: str) -> None:
    path, wire = ATTACKS[attack]
    pid = worker_of(small)
    before = status(pid, "VmRSS")
    most = [before]
    each = EACH_KIB + (ZLIB_KIB if wire[0] & RSV1 else 0)
    bound = before + FRAGMENTED * BUDGET // KIB + CLIENTS * each + SLACK_KIB

    def strike(number: int) -> None:
        # One client alone would get half of the budget.
        headers = DEFLATE | client(number)
        with suppress(OSError), raw(small, path, headers, receive_buffer=4096) as ws:
            ws.send(wire)
            await_end(ws)

    with ThreadPoolExecutor(CLIENTS) as pool, raw(small) as bystander:
        done = [pool.submit(strike, number) for number in range(CLIENTS)]
        while not all(future.done() for future in done):
            bystander.send(frame(0x81, b"still here"))
            assert bystander.receive().payload == b"still here"
            most.append(status(pid, "VmRSS"))
            assert most[-1] <= bound, f"{most[-1]} KiB after {before} KiB"
    wait_until(lambda: health(small)["seats_taken"] == 0, 20, small.describe)
    assert worker_of(small) == pid


@pytest.mark.parametrize("path", ["/WS.ashx", "/echo", "/echo?delay=0.001"])
def test_an_answered_message_is_not_kept_for_a_silent_client(small: Server, path: str) -> None:
    before = status(worker_of(small), "VmRSS")
    count = 30
    with ExitStack() as stack:
        for number in range(count):
            ws = stack.enter_context(raw(small, path, client(number)))
            send_text(ws, MESSAGE)
            read_text(ws, MESSAGE)
        await_return_of_memory(small, before, count)


def test_memory_that_many_messages_took_at_once_is_returned(start_server: StartServer) -> None:
    """Without an end of a connection. Smaller messages are in the arenas of the allocator."""
    large = start_server("gunicorn", MAX_MESSAGE_BYTES=MESSAGE)
    before = status(worker_of(large), "VmRSS")
    size = 3 * MIB
    with ExitStack() as stack, ThreadPoolExecutor(CLIENTS) as pool:
        silent = [stack.enter_context(raw(large, receive_buffer=4096)) for _ in range(CLIENTS)]
        list(pool.map(send_text, silent, repeat(size)))
        list(pool.map(read_text, silent, repeat(size)))
        await_return_of_memory(large, before, CLIENTS)


def send_text(ws: RawWebSocket, size: int) -> None:
    ws.send(frame(0x81, b"x" * size, KEY))


def read_text(ws: RawWebSocket, size: int) -> None:
    received = 0
    while received < size:
        received += len(ws.receive().payload)


def await_return_of_memory(server: Server, before: int, connections: int) -> None:
    """Wait until the worker has returned free memory."""
    bound = before + connections * EACH_KIB + SLACK_KIB
    pid = worker_of(server)
    wait_until(
        lambda: status(pid, "VmRSS") <= bound,
        20,
        lambda: f"{status(pid, 'VmRSS')} KiB after {before} KiB",
    )


def client(number: int) -> dict[str, str]:
    """A header that makes a connection that of another client."""
    return {"X-Forwarded-For": f"192.0.2.{number}"}


def test_a_client_with_many_large_messages_leaves_room_for_those_of_others(
    small: Server,
) -> None:
    message = frame(0x82, bytes(MESSAGE), KEY)
    with ExitStack() as stack, ThreadPoolExecutor(CLIENTS) as pool:
        greedy = [
            stack.enter_context(raw(small, "/echo", client(1), receive_buffer=4096))
            for _ in range(20)
        ]
        for ws in greedy:
            pool.submit(ws.send, message[:-1])
        # The first Close frame comes after two seconds: this client has its share.
        assert select.select([ws.sock for ws in greedy], [], [], 10)[0]
        with raw(small, "/echo", client(2)) as other:
            other.send(message)
            assert len(other.receive().payload) == MESSAGE


def await_end(ws: RawWebSocket) -> None:
    """Wait without reading until the server ends the connection, or for a while: a reply that
    compresses well fits into the kernel's buffers, and then nothing ends."""
    poller = select.poll()
    poller.register(ws.sock, select.POLLRDHUP)
    poller.poll(8_000)


@pytest.mark.parametrize("size", [MIB, MIB + 1])
def test_a_message_of_one_mib_is_accepted_by_default(server: Server, size: int) -> None:
    with raw(server) as ws:
        ws.send(frame(0x82, bytes(size), KEY))
        answer = ws.receive()
        if size == MIB:
            assert answer.payload == bytes(MIB)
        else:
            assert answer.close_code == 1009


def test_a_budget_as_large_as_a_message_is_accepted(start_server: Callable[..., Server]) -> None:
    server = start_server("gunicorn", MAX_MESSAGE_BYTES=MIB, MAX_BUFFERED_BYTES=MIB)
    with raw(server) as ws:
        ws.send(frame(0x82, bytes(MIB // 2), KEY))
        assert ws.receive().payload == bytes(MIB // 2)
    with ExitStack() as stack:
        rest = [stack.enter_context(raw(server)) for _ in range(5)]
        for ws in rest:
            ws.send(frame(0x82, bytes(MIB), KEY)[: MIB // 2])
        codes = [ws.receive().close_code for ws in rest[-1:]]
    assert codes == [1013]
