"""What one connection holds for its messages: charged to a budget, and bounded in time."""

import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from sys import getsizeof
from threading import Event, Thread
from typing import Any

import pytest

from flask_echo import conversation
from flask_echo.websocket.assembly import Assembly
from flask_echo.websocket.budget import FREE_BYTES, WAIT_SECONDS, Budget
from flask_echo.websocket.connection import Connection
from flask_echo.websocket.deflate import ALONE_BYTES
from tests.support.clients import Frame, close_frame, deflated, frame
from tests.support.pairs import Open, echo
from tests.support.waiting import wait_until

KIB = 1024
MIB = 2**20
DEFLATE = "permessage-deflate"
TAIL = b"\x00\x00\xff\xff"
KEY = bytes(4)  # Masks nothing, which is quick.

EMOJI_PER_KIB = ("\N{GRINNING FACE}" + "x" * 1020) * KIB


@pytest.mark.parametrize(
    "data",
    [b"x" * MIB, bytes(MIB), ("é" * (MIB // 2)).encode(), EMOJI_PER_KIB.encode()],
    ids=["ASCII", "NUL", "two bytes per character", "one emoji per KiB"],
)
@pytest.mark.parametrize("is_text", [True, False], ids=["text", "binary"])
def test_an_assembly_knows_what_it_costs(data: bytes, is_text: bool) -> None:
    pieces = [data[at : at + 64 * KIB] for at in range(0, len(data), 64 * KIB)]
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        assembly = Assembly(is_text)
        for piece in pieces:
            assembly.add(piece)
        held = tracemalloc.get_traced_memory()[0] - before
        assert held <= assembly.held + 16 * KIB
        tracemalloc.reset_peak()
        message = assembly.finish()
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert peak <= max(assembly.cost_of_finishing, assembly.held) + 16 * KIB
    assert message == (data.decode() if is_text else data)


@pytest.mark.parametrize(
    "fragments",
    [
        lambda data: frame(0x82, data, KEY),
        lambda data: frame(0x02, data[: MIB // 2], KEY) + frame(0x80, data[MIB // 2 :], KEY),
        lambda data: frame(0xC2, deflated(data), KEY),
    ],
    ids=["whole", "fragmented", "compressed"],
)
def test_a_message_is_charged_while_it_arrives_and_until_the_next_one_is_wanted(
    serve: Open, fragments: Callable[[bytes], bytes]
) -> None:
    budget = Budget(100 * MIB)
    wire = fragments(b"x" * MIB)
    client, served = serve(
        extensions=DEFLATE, budget=budget, max_message_bytes=MIB, handler=stuck_after_one(budget)
    )
    client.send(wire[:-1])
    wait_until(lambda: budget.used > MIB // 2)
    client.send(wire[-1:])
    assert text_of(client.receive()) == str(MIB - 64 * KIB + 33)
    client.send(close_frame())
    client.rest()
    served.ended()
    assert budget.used == 0


def text_of(reply: Frame) -> str:
    """The text of a reply, which is compressed if the message was."""
    if reply.first & 0x40:
        return zlib.decompressobj(-15).decompress(reply.payload + TAIL).decode()
    return reply.payload.decode()


def stuck_after_one(budget: Budget) -> Callable[[Connection], None]:
    def handler(connection: Connection) -> None:
        message = connection.receive()
        connection.send(str(budget.used).encode())
        del message
        connection.receive()

    return handler


@pytest.mark.parametrize("text", [False, True], ids=["binary", "text"])
def test_a_reply_is_charged_until_the_peer_has_taken_it(serve: Open, text: bool) -> None:
    budget = Budget(100 * MIB)
    client, served = serve(budget=budget, max_message_bytes=16 * MIB)
    data = b"x" * (8 * MIB)
    sender = Thread(target=client.send, args=[frame(0x81 if text else 0x82, data, KEY)])
    sender.start()
    # An echo of bytes is the message itself; a text and its bytes are two things.
    expected = (16 if text else 8) * MIB - 64 * KIB
    wait_until(lambda: expected <= budget.used <= expected + KIB)
    sender.join()
    assert client.receive().payload == data
    client.send(close_frame())
    client.rest()
    served.ended()
    assert budget.used == 0


def sends_when_told(text: str) -> Callable[[Connection], None]:
    def handler(connection: Connection) -> None:
        connection.receive()
        connection.send(text)
        connection.receive()

    return handler


class PatientBudget(Budget):
    """Lets a thread wait for longer than this machine may stand still."""

    def take(self, count: int, wait: float = WAIT_SECONDS, client: str = "", own: int = 0) -> None:
        super().take(count, 5 * wait, client, own)


@pytest.mark.parametrize("char", ["x", "é", "漢", "\N{GRINNING FACE}"])
def test_a_text_that_waits_for_memory_is_not_encoded_yet(serve: Open, char: str) -> None:
    budget = PatientBudget(100 * MIB)
    budget.take(98 * MIB, client="another")
    text = char * (4 * MIB)
    client, _ = serve(budget=budget, handler=sends_when_told(text))
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        client.send(frame(0x81, b"go"))
        wait_until(lambda: budget.waiting)
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    budget.give_back(98 * MIB, client="another")
    assert held < MIB
    assert client.receive().payload == text.encode()


@pytest.mark.parametrize(
    "text", ["x" * 8 * MIB, "é" + "x" * 8 * MIB, "漢" + "x" * 8 * MIB, EMOJI_PER_KIB * 8]
)
def test_a_reply_that_is_encoded_is_charged_for_its_bytes(serve: Open, text: str) -> None:
    budget = Budget(100 * MIB)
    client, _ = serve(budget=budget, handler=sends_when_told(text))
    client.send(frame(0x81, b"go"))
    payload = text.encode()
    wait_until(lambda: budget.used == len(payload) - FREE_BYTES)
    assert client.receive().payload == payload


def test_a_text_that_cannot_be_encoded_is_not_charged(serve: Open) -> None:
    budget = Budget(100 * MIB)

    def handler(connection: Connection) -> None:
        connection.receive()
        with pytest.raises(UnicodeEncodeError, match="surrogates not allowed"):
            connection.send("x" * MIB + "\ud800")
        connection.send(f"holds {budget.used}")

    client, _ = serve(budget=budget, handler=handler)
    client.send(frame(0x81, b"go"))
    assert client.receive().payload == b"holds 0"


@pytest.mark.parametrize("first", [0xC1, 0x41], ids=["message", "fragment"])
def test_a_small_message_holds_nothing_once_it_is_inflated(serve: Open, first: int) -> None:
    budget = Budget(100 * MIB)
    client, _ = serve(extensions=DEFLATE, budget=budget)
    client.send(frame(first, deflated(bytes(60 * KIB)), KEY))
    client.send(frame(0x89, b"inflated"))
    answer = client.receive()
    if first == 0xC1:
        answer = client.receive()
    assert answer.payload == b"inflated"
    assert budget.used == 0


@pytest.mark.parametrize("first", [0xC1, 0x81], ids=["compressed", "whole"])
def test_a_small_text_of_wide_characters_is_charged_for_their_width(
    serve: Open, first: int
) -> None:
    budget, sizes = Budget(100 * MIB), []
    text = "\N{GRINNING FACE}" + "x" * (60 * KIB - 4)

    def handler(connection: Connection) -> None:
        while True:
            sizes.append(getsizeof(connection.receive()))
            connection.send(str(budget.used))

    client, _ = serve(extensions=DEFLATE, budget=budget, handler=handler)
    payload = text.encode() if first == 0x81 else deflated(text.encode())
    # The end of a large message, and then this one, come in one read.
    large = frame(0x82, bytes(72 * KIB), KEY)
    client.send(large[: 70 * KIB])
    wait_until(lambda: budget.used)
    client.send(large[70 * KIB :] + frame(first, payload, KEY))
    client.receive()
    assert text_of(client.receive()) == str(sizes[1] - FREE_BYTES)


def test_a_message_that_costs_more_than_the_budget_is_refused_at_once(serve: Open) -> None:
    client, served = serve(budget=Budget(MIB), max_message_bytes=2 * MIB)
    sender = Thread(target=client.send, args=[frame(0x82, bytes(2 * MIB), KEY)])
    sender.start()
    answer = client.receive()
    assert answer.close_code == 1013
    assert "memory" in answer.close_reason
    client.rest()
    sender.join()
    assert served.ended().close_reason == 1013


def test_a_message_without_room_in_the_budget_waits_and_is_then_refused(serve: Open) -> None:
    budget = Budget(MIB)
    budget.take(MIB)
    client, served = serve(budget=budget, max_message_bytes=MIB)
    sender = Thread(target=client.send, args=[frame(0x82, bytes(256 * KIB), KEY)])
    sender.start()
    wait_until(lambda: budget.waiting)
    answer = client.receive()
    assert answer.close_code == 1013
    assert "try again" in answer.close_reason
    client.rest()
    sender.join()
    served.ended()
    assert budget.used == MIB


def test_a_message_that_gets_room_in_time_is_answered(serve: Open) -> None:
    budget = PatientBudget(MIB)
    budget.take(MIB, client="another")
    client, _ = serve(budget=budget, max_message_bytes=MIB)
    sender = Thread(target=client.send, args=[frame(0x82, bytes(256 * KIB), KEY)])
    sender.start()
    wait_until(lambda: budget.waiting)
    budget.give_back(MIB, "another")
    assert client.receive().payload == bytes(256 * KIB)
    sender.join()


def test_small_messages_go_on_without_room_in_the_budget(serve: Open) -> None:
    budget = Budget(1)
    budget.take(1)
    client, _ = serve(budget=budget, extensions=DEFLATE)
    half = b"x" * (31 * KIB)
    for wire in (frame(0x82, half, KEY), frame(0x01, half[:9]) + frame(0x80, half[9:])):
        client.send(wire)
        assert client.receive().payload == half


def test_a_reply_without_room_ends_the_connection_with_1013(serve: Open) -> None:
    budget = Budget(MIB)

    def handler(connection: Connection) -> None:
        connection.receive()
        connection.send(bytes(2 * MIB))

    client, served = serve(budget=budget, handler=handler)
    client.send(frame(0x81, b"go"))
    assert client.receive().close_code == 1013
    client.sock.close()
    assert served.ended().close_reason == 1013
    assert budget.used == 0


def test_the_time_limit_of_a_reply_holds_for_its_wait_for_the_budget(serve: Open) -> None:
    waits: list[float] = []

    class Watched(Budget):
        def take(
            self, count: int, wait: float = WAIT_SECONDS, client: str = "", own: int = 0
        ) -> None:
            waits.append(wait)
            super().take(count, wait, client, own)

    def handler(connection: Connection) -> None:
        connection.receive()
        connection.send(bytes(MIB), timeout=0)

    budget = Watched(MIB)
    budget.take(MIB, client="another")
    client, _ = serve(budget=budget, handler=handler)
    client.send(frame(0x81, b"go"))
    assert client.receive().close_code == 1013
    assert waits[1:] == [0]


def test_another_threads_reply_without_room_ends_it_too(serve: Open) -> None:
    connections: list[Connection] = []

    def handler(connection: Connection) -> None:
        connections.append(connection)
        echo(connection)

    client, served = serve(budget=Budget(MIB), handler=handler)
    wait_until(lambda: connections)

    def send() -> None:
        with pytest.raises(Exception, match="1013"):
            connections[0].send(bytes(2 * MIB))

    sender = Thread(target=send)
    sender.start()
    assert client.receive().close_code == 1013
    sender.join()
    client.sock.close()
    served.ended()


# -- Large messages must not be slow ---------------------------------------------------------


@pytest.mark.parametrize(
    "begun",
    [
        frame(0x82, bytes(MIB), KEY)[: 100 * KIB],
        frame(0x02, bytes(100 * KIB), KEY),
        frame(0x42, deflated(bytes(100 * KIB)), KEY),
        frame(0x81, b"x" * MIB, KEY)[: 100 * KIB],
    ],
    ids=["binary", "fragment", "compressed fragment", "text"],
)
def test_a_large_message_that_does_not_go_on_ends_with_1008(serve: Open, begun: bytes) -> None:
    client, served = serve(extensions=DEFLATE, send_timeout_seconds=0.3, ping_interval_seconds=0)
    client.send(begun)
    answer = client.receive()
    assert answer.close_code == 1008
    assert "slow" in answer.close_reason
    client.sock.close()
    assert served.ended().close_reason == 1008


def test_a_trickle_does_not_keep_a_large_message_alive(serve: Open) -> None:
    client, _ = serve(send_timeout_seconds=0.5)
    client.send(frame(0x82, bytes(MIB), KEY)[: 100 * KIB])

    stop = Event()

    def trickle() -> None:
        with suppress(OSError):  # The server may have left.
            while not stop.wait(0.05):
                client.send(b"\0")

    sender = Thread(target=trickle)
    sender.start()
    assert client.receive().close_code == 1008
    stop.set()
    sender.join()


def test_a_small_message_may_take_its_time(serve: Open) -> None:
    client, _ = serve(send_timeout_seconds=0.1, ping_interval_seconds=0.3, ping_timeout_seconds=10)
    wire = frame(0x82, bytes(60 * KIB), KEY)
    client.send(wire[:-1])
    assert client.receive().first == 0x89, "a ping comes after three times the send time-out"
    client.send(wire[-1:])
    assert client.receive().payload == bytes(60 * KIB)


def test_time_in_which_the_handler_does_not_read_is_not_the_peers(serve: Open) -> None:
    begun, go_on = Event(), Event()

    def handler(connection: Connection) -> None:
        while connection.received_bytes < 99 * KIB:
            connection.receive(timeout=0)
        begun.set()
        assert go_on.wait(10)
        connection.send(str(len(connection.receive() or b"")))

    client, _ = serve(handler=handler, send_timeout_seconds=0.2)
    wire = frame(0x82, bytes(200 * KIB), KEY)
    client.send(wire[: 100 * KIB])
    assert begun.wait(10)
    # The handler is busy for longer than the time-out.
    assert not go_on.wait(0.5)
    client.send(wire[100 * KIB : 110 * KIB])
    go_on.set()
    client.send(wire[110 * KIB :])
    assert client.receive().payload == b"%d" % (200 * KIB)


# -- Messages in fragments -----------------------------------------------------------------------


def sends(parts: list[Any]) -> Callable[[Connection], None]:
    def handler(connection: Connection) -> None:
        connection.receive()
        connection.send_parts(iter(parts))
        connection.receive()

    return handler


@pytest.mark.parametrize(
    ("parts", "opcode"),
    [(["a", "é", "c"], 1), ([b"a", b"", b"c"], 2), ([], 1), (["x" * 100_000], 1)],
    ids=["text", "bytes", "nothing", "large"],
)
def test_a_message_is_sent_in_fragments(serve: Open, parts: list[Any], opcode: int) -> None:
    client, _ = serve(handler=sends(parts))
    client.send(frame(0x81, b"go"))
    whole, first = b"", client.receive()
    assert first.first & 0x7F == opcode
    part = first
    while not part.first & 0x80:
        whole += part.payload
        part = client.receive()
        assert part.first & 0x7F == 0
    assert whole + part.payload == b"".join(
        part.encode() if isinstance(part, str) else part for part in parts
    )


def test_fragments_are_compressed_as_one_message(serve: Open) -> None:
    client, _ = serve(handler=sends(["hello ", "hello ", "hello"]), extensions=DEFLATE)
    client.send(frame(0xC1, deflated(b"go")))
    part = client.receive()
    assert part.first == 0x41
    whole = part.payload
    while not part.first & 0x80:
        part = client.receive()
        assert part.first & 0x7F == 0
        whole += part.payload
    assert zlib.decompressobj(-15).decompress(whole + TAIL) == b"hello hello hello"


class CountingBudget(Budget):
    """Counts the turns for large work."""

    turns = 0

    @contextmanager
    def large_work(self) -> Iterator[None]:
        self.turns += 1
        with super().large_work():
            yield


@pytest.mark.parametrize(("size", "turns"), [(ALONE_BYTES - 1, 0), (ALONE_BYTES, 1)])
def test_replies_that_need_a_large_deflater_take_turns(serve: Open, size: int, turns: int) -> None:
    budget = CountingBudget(100 * MIB)

    def handler(connection: Connection) -> None:
        connection.receive()
        connection.send("x" * size)
        connection.receive()

    client, _ = serve(handler=handler, extensions=DEFLATE, budget=budget)
    client.send(frame(0xC1, deflated(b"go")))
    reply = client.receive()
    assert zlib.decompressobj(-15).decompress(reply.payload + TAIL) == b"x" * size
    assert budget.turns == turns


def fail(_: Connection) -> None:
    raise ValueError("no more")


@pytest.mark.parametrize(
    ("then", "words"),
    [
        (fail, "no more"),
        # These would wait for their own turn for ever.
        (lambda connection: connection.send("within"), "must not send on the same connection"),
        (lambda connection: connection.send_parts(["x"]), "must not send on the same connection"),
    ],
    ids=["fail", "send", "send_parts"],
)
def test_a_message_whose_parts_fail_ends_the_connection(
    serve: Open, then: Callable[[Connection], None], words: str
) -> None:
    def handler(connection: Connection) -> None:
        def parts() -> Iterator[str]:
            yield "begun"
            then(connection)

        connection.receive()
        with pytest.raises((ValueError, RuntimeError), match=words):
            connection.send_parts(parts())
        connection.receive()

    client, served = serve(handler=handler)
    client.send(frame(0x81, b"go"))
    assert client.receive() == (0x01, b"begun")
    assert client.rest() == b""
    assert served.ended().close_reason == 1006


def test_the_reply_of_the_article_takes_little_more_than_the_message(serve: Open) -> None:
    """JSON writes U+0000 as six characters."""
    size = 4 * MIB
    client, served = serve(handler=conversation.hello, max_message_bytes=size)
    client.receive()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        client.send(frame(0x81, bytes(size), KEY))
        client.receive()
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    # The client's own two copies of the frame, the message and its bytes.
    assert peak < 5 * size
    client.sock.close()
    served.ended()


def test_a_refused_message_is_freed_before_the_peer_leaves(serve: Open) -> None:
    """It fails with its last byte. The frames of the exception hold all that arrived before."""
    size = 4 * MIB
    client, served = serve(max_message_bytes=size)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        client.send(frame(0x81, bytes(size - 1) + b"\xff", KEY))
        assert client.receive().close_code == 1007
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert held < MIB
    client.sock.close()
    served.ended()
