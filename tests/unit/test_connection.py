"""One connection, its limits and its clocks, over pairs of sockets: kernel-timed and polled.

Each limit has a test that trips it and one that stays just inside. The clocks run in units
of a tenth of a second, and nothing is asserted to be fast, only to come at all and in order.
"""

import socket
import struct
import zlib
from contextlib import suppress
from threading import Event
from time import sleep
from typing import Any

import pytest
from simple_websocket import ConnectionClosed, Server

from flask_echo.websocket.connection import Connection
from flask_echo.websocket.limits import Limits
from flask_echo.websocket.transport.kernel_timed import KernelTimedTransport
from tests.support.clients import RawWebSocket, close_frame, deflated, frame, request_bytes
from tests.support.pairs import Open, Served, echo, environ, tcp_pair
from tests.support.waiting import wait_until

DEFLATE = "permessage-deflate"
# -- To its callers it is simple-websocket's server ------------------------------------------


def test_it_is_a_simple_websocket_server_to_its_callers(serve: Open) -> None:
    seen: list[Any] = []

    def handler(connection: Connection) -> None:
        seen.append((isinstance(connection, Server), connection.connected, connection.subprotocol))
        echo(connection)

    client, served = serve(handler)
    wait_until(lambda: seen)
    client.send(close_frame(3001, "done"))
    client.rest()
    connection = served.ended()
    assert seen == [(True, True, None)]
    assert (connection.connected, connection.close_reason) == (False, 3001)
    assert connection.close_message == "done"
    for use in (connection.receive, connection.close, lambda: connection.send("x")):
        with pytest.raises(ConnectionClosed) as closed:
            use()
        assert (closed.value.reason, closed.value.message) == (3001, "done")


def test_receive_returns_none_when_its_time_is_up_and_loses_nothing(serve: Open) -> None:
    def handler(connection: Connection) -> None:
        connection.send(str([connection.receive(timeout=0), connection.receive(timeout=0.05)]))
        connection.send(str(connection.receive(timeout=10)))

    client, _ = serve(handler)
    whole = frame(0x81, b"late")
    client.send(whole[:3])
    assert client.receive().payload == b"[None, None]"
    client.send(whole[3:])
    assert client.receive().payload == b"late"


def test_what_is_not_bytes_is_sent_as_its_text(serve: Open) -> None:
    def handler(connection: Connection) -> None:
        for data in (7, "é", b"\x00", bytearray(b"\x01"), memoryview(b"\x02")):
            connection.send(data)

    client, _ = serve(handler)
    got = [client.receive() for _ in range(5)]
    assert [bytes([f.first]) + f.payload for f in got] == [
        b"\x817",
        b"\x81\xc3\xa9",
        b"\x82\x00",
        b"\x82\x01",
        b"\x82\x02",
    ]


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000])
def test_a_code_that_may_not_be_sent_is_refused(serve: Open, code: int) -> None:
    def handler(connection: Connection) -> None:
        with pytest.raises(ValueError, match=str(code)):
            connection.close(code)
        connection.close(4000, "é" * 100)

    client, served = serve(handler)
    closed = client.receive()
    assert closed.close_code == 4000
    assert closed.close_reason == "é" * 61, "cut to 123 bytes, not in the middle of a character"
    client.answer_close(4000)
    assert client.rest() == b""
    assert served.ended().close_reason == 4000


# -- Size ------------------------------------------------------------------------------------

LIMIT = 1000


def test_a_message_of_the_limit_is_taken_whatever_its_form(serve: Open) -> None:
    client, _ = serve(extensions=DEFLATE, max_message_bytes=LIMIT)
    noise = bytes(i * 167 % 256 for i in range(LIMIT))
    client.send(frame(0x82, noise))
    assert client.receive().payload == noise
    client.send(frame(0x02, noise[:600]) + frame(0x89, b"?") + frame(0x80, noise[600:]))
    assert client.receive() == (0x8A, b"?")
    assert client.receive().payload == noise
    inflate = zlib.decompressobj(-15)
    for data in (noise, bytes(LIMIT)):
        client.send(frame(0xC2, deflated(data)))
        answer = client.receive()
        assert answer.first == 0xC2, "a reply is compressed as its message was"
        assert inflate.decompress(answer.payload + b"\x00\x00\xff\xff") == data


@pytest.mark.parametrize("first", [0x41, 0x42], ids=["text", "binary"])
def test_a_ping_between_compressed_fragments_disturbs_nothing(serve: Open, first: int) -> None:
    client, _ = serve(extensions=DEFLATE)
    data = deflated(b"hello world, hello world")
    client.send(frame(first, data[:8]) + frame(0x89, b"?") + frame(0x80, data[8:]))
    assert client.receive() == (0x8A, b"?")
    answer = client.receive().payload + b"\x00\x00\xff\xff"
    assert zlib.decompressobj(-15).decompress(answer) == b"hello world, hello world"


@pytest.mark.parametrize(
    "data",
    [
        frame(0x82, bytes(LIMIT + 1))[:8],
        b"\x82\xff" + (2**63 - 1).to_bytes(8, "big") + b"\0\0\0\0",
        frame(0x01, bytes(LIMIT)) + frame(0x80, b"x")[:6],
        frame(0xC2, deflated(bytes(LIMIT + 1))),
        frame(0x41, deflated(bytes(LIMIT * 1000))),
        b"\xc2\xff" + (2**40).to_bytes(8, "big") + b"\0\0\0\0",
    ],
    ids=["from the header", "2^63-1", "sum of fragments", "inflated", "bomb", "deflated 2^40"],
)
def test_a_message_over_the_limit_is_refused_with_1009(serve: Open, data: bytes) -> None:
    client, served = serve(extensions=DEFLATE, max_message_bytes=LIMIT)
    client.send(data)
    assert client.receive().close_code == 1009
    assert client.rest() == b""
    client.sock.close()
    assert served.ended().close_reason == 1009


def test_a_length_with_the_highest_bit_is_a_protocol_error(serve: Open) -> None:
    client, _ = serve()
    client.send(b"\x82\xff" + (2**63).to_bytes(8, "big") + b"\0\0\0\0")
    assert client.receive().close_code == 1002


def test_control_frames_are_no_messages_for_the_limit(serve: Open) -> None:
    client, _ = serve(max_message_bytes=1)
    client.send(frame(0x89, b"p" * 125) + frame(0x81, b"x"))
    assert client.receive() == (0x8A, b"p" * 125)
    assert client.receive() == (0x81, b"x")


def test_bad_utf8_fails_at_once_though_the_frame_is_not_all_there(serve: Open) -> None:
    client, served = serve()
    client.send(frame(0x81, b"\xce\xba\xff" + b"x" * 5000, key=b"\0\0\0\0")[:100])
    assert client.receive().close_code == 1007
    client.sock.close()
    assert served.ended().close_reason == 1007


# -- Liveness --------------------------------------------------------------------------------


def test_a_silent_peer_is_pinged_and_given_up(serve: Open) -> None:
    client, served = serve(ping_interval_seconds=0.1, ping_timeout_seconds=0.2)
    assert client.receive() == (0x89, b"")
    assert client.receive().close_code == 1008
    client.rest()
    client.sock.close()
    assert served.ended().close_reason == 1008


def test_any_byte_is_a_sign_of_life(serve: Open) -> None:
    client, _ = serve(ping_interval_seconds=0.1, ping_timeout_seconds=5)
    slow = frame(0x82, b"slow")
    for byte in slow:
        assert client.receive() == (0x89, b"")
        client.send(bytes([byte]))
    assert client.receive() == (0x82, b"slow")


def test_pings_go_out_while_a_handler_waits_with_a_timeout(serve: Open) -> None:
    def handler(connection: Connection) -> None:
        while connection.receive(timeout=0.05) is None:
            pass
        connection.send("heard")

    client, _ = serve(handler, ping_interval_seconds=0.1, ping_timeout_seconds=5)
    for _ in range(3):
        assert client.receive() == (0x89, b"")
        client.send(frame(0x8A))
    client.send(frame(0x81, b"x"))
    while (answer := client.receive()) == (0x89, b""):  # This thread may have stood still.
        pass
    assert answer == (0x81, b"heard")


def test_without_an_interval_there_are_no_pings(serve: Open) -> None:
    client, _ = serve(ping_interval_seconds=0.0, ping_timeout_seconds=0.1)
    client.sock.settimeout(0.5)
    with pytest.raises(TimeoutError):
        client.receive()
    client.sock.settimeout(10)
    client.send(frame(0x81, b"still here"))
    assert client.receive().payload == b"still here"


# -- Backpressure ----------------------------------------------------------------------------


def flood(connection: Connection) -> None:
    """Send for ever."""
    while True:
        connection.send(bytes(2**20))


def test_a_peer_that_reads_nothing_is_given_up(serve: Open) -> None:
    _, served = serve(flood, send_timeout_seconds=0.4)
    connection = served.ended()
    assert connection.close_reason == 1006
    assert connection.close_message == "peer has stopped reading"


def test_a_peer_that_trickles_is_given_up(serve: Open) -> None:
    client, served = serve(flood, send_timeout_seconds=0.8)
    # Taking one byte now and then must not renew the timeout.
    with suppress(OSError):
        while served.seats.occupancy().seats_taken and client.sock.recv(1):
            sleep(0.01)  # Not waiting for anything: this client is slow.
    assert served.ended().close_message == "peer has stopped reading"


def test_a_slow_reader_gets_everything(serve: Open) -> None:
    size = 2**20
    client, _ = serve(lambda connection: connection.send(bytes(size)), send_timeout_seconds=5)
    got = client.receive()
    assert len(got.payload) == size


# -- Ending well -----------------------------------------------------------------------------


def test_when_the_handler_returns_the_peer_gets_1000_and_a_clean_end(serve: Open) -> None:
    client, served = serve(lambda connection: None)
    assert client.receive().close_code == 1000
    client.answer_close(1000)
    assert client.rest() == b""
    assert served.ended().close_reason == 1000


def test_what_a_peer_sends_before_its_close_frame_is_dropped_while_closing(serve: Open) -> None:
    client, served = serve(lambda connection: connection.close(4000))
    assert client.receive().close_code == 4000
    client.answer_close(4000, before=frame(0x81, b"too late") * 100 + frame(0x89, b"?"))
    assert client.rest() == b""
    assert served.ended().close_reason == 4000


@pytest.mark.parametrize("junk", [b"", frame(0x81, b"x") * 1000, b"\xff" * 100_000], ids=len)
def test_a_peer_that_does_not_answer_the_close_frame_is_left(serve: Open, junk: bytes) -> None:
    client, served = serve(lambda connection: connection.close(4000), close_timeout_seconds=0.5)
    with suppress(OSError):  # It may be left already.
        client.send(junk)
    assert served.ended().close_reason == 4000
    assert client.receive().close_code == 4000


def test_a_peer_that_never_stops_sending_does_not_hold_the_thread(serve: Open) -> None:
    client, served = serve(close_timeout_seconds=0.5)
    client.send(frame(0x83))
    assert client.receive().close_code == 1002
    with suppress(OSError):
        while served.seats.occupancy().seats_taken:
            client.send(b"x" * 65536)
    assert served.ended().close_reason == 1002


def test_a_peer_that_never_stops_sending_does_not_hold_a_close(serve: Open) -> None:
    client, served = serve(lambda connection: connection.close(4000), close_timeout_seconds=0.5)
    many = frame(0x81, b"x") * 5000
    with suppress(OSError):
        while served.seats.occupancy().seats_taken:
            client.send(many)
    assert served.ended().close_reason == 4000


def test_a_stream_that_ends_without_a_close_frame_is_1006(serve: Open) -> None:
    may_answer = Event()

    def handler(connection: Connection) -> None:
        may_answer.wait(10)
        echo(connection)

    client, served = serve(handler)
    client.send(frame(0x81, b"last words"))
    # With TLS, the client's goodbye fails if a reply has arrived before it.
    client.sock.shutdown(socket.SHUT_WR)
    may_answer.set()
    assert client.receive().payload == b"last words"
    assert served.ended().close_reason == 1006


def reset(sock: socket.socket) -> None:
    """End a TCP connection with a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def test_a_reset_is_1006(serve: Open) -> None:
    client, served = serve()
    reset(client.sock)
    assert served.ended().close_reason == 1006


def test_a_close_frame_that_came_before_the_reset_tells_the_code() -> None:
    gone = Event()

    def handler(connection: Connection) -> None:
        connection.receive()
        gone.wait(10)
        while True:
            connection.send("is anybody there?")

    with Served(tcp_pair(), handler=handler) as served:
        client = RawWebSocket(served.client)
        client.send(frame(0x81, b"x") + frame(0x81, b"y") + close_frame(4321, "gone"))
        reset(client.sock)
        gone.set()
        connection = served.ended()
        assert (connection.close_reason, connection.close_message) == (4321, "gone")


# -- Going away ------------------------------------------------------------------------------


def wake(served: Served) -> None:
    """Drain the seats of the connection, as a worker does that stops."""
    wait_until(lambda: served.seats.occupancy().connections)
    served.seats.drain()


def test_the_first_close_frame_is_noted_whichever_end_sends_it(serve: Open) -> None:
    client, served = serve()
    client.send(close_frame(4001))
    assert served.ended().first_close == ("client", 4001)


def test_the_first_close_frame_of_the_server_is_noted(serve: Open) -> None:
    client, served = serve(lambda connection: connection.close(4002))
    client.answer_close(1000)
    assert served.ended().first_close == ("server", 4002)


def test_a_lost_connection_has_no_first_close_frame(serve: Open) -> None:
    client, served = serve()
    client.sock.close()
    assert served.ended().first_close is None


def test_an_idle_peer_gets_1001_and_a_clean_end(serve: Open) -> None:
    client, served = serve()
    wake(served)
    closed = client.receive()
    assert (closed.close_code, closed.close_reason) == (1001, "going away")
    client.answer_close(1001)
    assert client.rest() == b""
    assert served.ended().close_reason == 1001


def test_what_had_arrived_is_answered_before_1001(serve: Open) -> None:
    started, woken = Event(), Event()

    def handler(connection: Connection) -> None:
        started.set()
        woken.wait(10)
        echo(connection)

    # The grace for replies that are owed follows from this.
    client, served = serve(handler, close_timeout_seconds=4)
    started.wait(10)
    client.send(b"".join(frame(0x81, b"%d" % i) for i in range(5000)))
    wake(served)
    woken.set()
    assert [client.receive().payload for _ in range(5000)] == [b"%d" % i for i in range(5000)]
    assert client.receive().close_code == 1001
    client.answer_close(1001, before=frame(0x81, b"more"))
    assert client.rest() == b""
    assert served.ended().close_reason == 1001


def drop(connection: Connection) -> None:
    """Receive for ever, and answer nothing."""
    while True:
        connection.receive()


def test_a_peer_that_never_pauses_does_not_put_off_the_end(serve: Open) -> None:
    client, served = serve(drop, close_timeout_seconds=0.5)
    wake(served)
    endless = frame(0x82, bytes(60_000))
    with suppress(OSError):
        while served.seats.occupancy().seats_taken:
            client.send(endless)
    assert served.ended().close_reason == 1001


def test_a_peer_that_is_gone_when_the_server_goes_away_costs_no_wait(serve: Open) -> None:
    client, served = serve(close_timeout_seconds=60)
    wake(served)
    client.sock.close()
    # Who was first to go is open; that the thread is free long before the minute is not.
    assert not served.ended().connected


def test_a_connection_has_as_many_attributes_as_share_their_keys(serve: Open) -> None:
    """CPython 3.11 gives an object with more than 29 attributes a dictionary of 1.3 KiB more."""
    seen: list[int] = []
    client, _ = serve(lambda connection: seen.append(len(vars(connection))))
    client.rest()
    assert seen[0] <= 29


def test_a_connection_that_has_ended_is_not_shut_down_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ends: list[KernelTimedTransport] = []
    monkeypatch.setattr(KernelTimedTransport, "finish", lambda transport: ends.append(transport))
    server, client = tcp_pair()
    with server, client:
        connection = Connection(server, environ(request_bytes()), Limits())
        connection.upgrade()
        for _ in range(2):
            connection.hang_up()
    assert len(ends) == 1


def test_a_read_after_silence_has_a_small_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that waits holds the buffer, and most threads wait."""
    sizes: list[int] = []
    recv = KernelTimedTransport.recv

    def noted(transport: KernelTimedTransport, size: int, wait: float | None) -> bytes:
        sizes.append(size)
        return recv(transport, size, wait)

    monkeypatch.setattr(KernelTimedTransport, "recv", noted)
    server, client = tcp_pair()
    with server, client:
        connection = Connection(server, environ(request_bytes()), Limits(ping_interval_seconds=0.1))
        connection.upgrade()
        client.sendall(frame(0x81, b"x" * 32) * 100)
        assert all(connection.receive() for _ in range(100))
        assert connection.receive(timeout=0) is None
        assert connection.receive(timeout=0.2) is None  # After a tenth of a second there is a ping.
    assert sizes[0] == 448
    silent_from = sizes.index(448, 1)
    assert 4096 in sizes[1:silent_from]
    assert set(sizes[silent_from:]) == {448}


@pytest.mark.parametrize(
    ("messages_in_a_read", "turns"),
    [(1, 0), (4, 5), (16, 5), (40, 2)],
)
def test_a_peer_with_many_messages_under_way_lets_others_run(
    messages_in_a_read: int, turns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that waits for each reply needs no such rule: its thread waits for the next message."""
    given = []
    monkeypatch.setattr("flask_echo.websocket.reading._sched_yield", lambda: given.append(1))
    server, client = tcp_pair()
    with server, client:
        connection = Connection(server, environ(request_bytes()), Limits())
        connection.upgrade()
        for _ in range(80 // messages_in_a_read):
            client.sendall(frame(0x81, b"x") * messages_in_a_read)
            assert all(connection.receive() for _ in range(messages_in_a_read))
        assert connection.receive(timeout=0) is None
    assert len(given) == turns
