"""How `make roll` computes its figures: from events, and from packets that are made here."""

import socket
import struct

import pytest

from tests.support.clients import close_frame, frame
from tools.roll.figures import Event, busiest_second, is_even, percentile, recoveries, silences
from tools.roll.flows import CROSSING_SECONDS, Flows

HOST, BALANCER, PORT, OTHER_PORT = "198.18.0.11", "198.18.0.1", 8080, 40_000
SYN, ACK, FIN, RST = 2, 16, 1, 4
UPGRADE = b"GET /echo HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
CLOSE = b"\x88\x02\x03\xe9"


def text(payload: bytes) -> bytes:
    """A frame of the server."""
    return bytes([0x81, len(payload)]) + payload


class Link:
    """Sends packets between the balancer and a machine past Flows."""

    def __init__(self) -> None:
        self.flows = Flows(PORT)
        self._next = {True: 4_294_967_290, False: 7}  # one of them soon starts again at 0
        self.up(flags=SYN)
        self.down(flags=SYN)
        self.up(UPGRADE)
        self.down(SWITCH)

    def up(self, payload: bytes = b"", when: float = 0.0, flags: int = ACK) -> None:
        self._send(True, payload, when, flags)

    def down(self, payload: bytes = b"", when: float = 0.0, flags: int = ACK) -> None:
        self._send(False, payload, when, flags)

    def lose(self) -> None:
        """Let a packet of the client be missing."""
        self._next[True] += 10

    def _send(self, is_up: bool, payload: bytes, when: float, flags: int) -> None:
        self.flows.take(packet(is_up, self._next[is_up], flags, payload), when)
        self._next[is_up] = (self._next[is_up] + len(payload) + (flags == SYN)) & 0xFFFFFFFF


def packet(is_up: bool, number: int, flags: int, payload: bytes) -> bytes:
    """An IPv4 packet with a TCP segment."""
    ports = (OTHER_PORT, PORT) if is_up else (PORT, OTHER_PORT)
    ends = (BALANCER, HOST) if is_up else (HOST, BALANCER)
    tcp = struct.pack("!HHIIBBHHH", *ports, number, 0, 5 << 4, flags, 0, 0, 0) + payload
    addresses = b"".join(map(socket.inet_aton, ends))
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0) + addresses + tcp


def test_a_reply_before_the_close_frame_is_not_missed() -> None:
    link = Link()
    link.up(frame(0x81, b"1 1"))
    link.down(text(b"1 1") + CLOSE, 9.0)
    assert (link.flows.missed, link.flows.closed) == ([], 1)


def test_a_message_without_a_reply_before_the_close_frame_is_missed() -> None:
    link = Link()
    link.up(frame(0x81, b"1 1"), 1.0)
    link.down(CLOSE, 9.0)
    assert link.flows.missed == [(HOST, True, ["1 1"])]


@pytest.mark.parametrize(("early", "missed"), [(0.5, 0), (1.5, 1)])
def test_a_message_just_before_the_close_frame_may_have_crossed_it(
    early: float, missed: int
) -> None:
    link = Link()
    link.up(frame(0x81, b"1 1"), 9.0 - early * CROSSING_SECONDS)
    link.down(CLOSE, 9.0)
    assert len(link.flows.missed) == missed


@pytest.mark.parametrize("flags", [FIN, RST])
def test_a_cut_connection_misses_all_that_is_due(flags: int) -> None:
    link = Link()
    link.up(frame(0x81, b"1 1") + frame(0x81, b"1 2"))
    link.down(text(b"1 1"))
    link.down(flags=flags)
    assert link.flows.missed == [(HOST, False, ["1 2"])]
    assert (link.flows.closed, link.flows.cut) == (0, 1)


def test_a_client_that_has_gone_misses_nothing() -> None:
    link = Link()
    link.up(frame(0x81, b"1 1"))
    link.up(flags=FIN)
    link.down(flags=FIN)
    assert link.flows.missed == []


def test_frames_in_pieces_and_sent_twice_are_put_together() -> None:
    link = Link()
    sent = frame(0x89, b"ping") + frame(0x81, b"1 1")
    for i in range(len(sent)):
        link.up(sent[i : i + 1])
    link.flows.take(packet(True, 4_294_967_291, ACK, UPGRADE), 0.0)
    for byte in text(b"1 1"):
        link.down(bytes([byte]))
    link.down(CLOSE, 9.0)
    assert (link.flows.missed, link.flows.closed) == ([], 1)


def test_a_packet_that_was_not_seen_is_an_error() -> None:
    link = Link()
    link.lose()
    with pytest.raises(ValueError, match="missing"):
        link.up(frame(0x81, b"1 2"))


def test_other_responses_are_no_connections() -> None:
    link = Link()
    link.down(flags=FIN)
    link.up(flags=SYN)
    link.up(b"GET /healthz HTTP/1.1\r\n\r\n")
    link.down(flags=SYN)
    link.down(b"HTTP/1.1 200 OK\r\n\r\n" + close_frame(), 9.0)
    link.down(flags=FIN)
    assert (link.flows.closed, link.flows.cut) == (0, 1)  # the connection of Link


def event(time: float, kind: str, client: int = 1, detail: str = "") -> Event:
    return Event(time, kind, client, detail)


def test_a_recovery_lasts_from_the_first_loss_to_the_next_reply() -> None:
    events = [
        event(1.0, "lost"),
        event(1.5, "lost", client=2),
        event(2.0, "lost"),
        event(3.0, "reply"),
        event(4.0, "reply"),
        event(4.0, "reply", client=2),
    ]
    assert recoveries(events) == [2.0, 2.5]


def test_a_silence_lasts_from_the_first_message_without_a_reply() -> None:
    events = [
        event(1.0, "sent"),
        event(1.1, "reply"),
        event(2.0, "sent"),
        event(2.0, "sent", client=2),
        event(2.1, "reply", client=2),  # It lost nothing.
        event(3.0, "sent"),
        event(9.0, "lost", detail="1006"),
        event(9.0, "lost", client=2, detail="1001"),
        event(9.5, "sent", client=2),
        event(9.6, "reply", client=2),
        event(10.0, "reply"),
        event(10.0, "reply"),
    ]
    assert silences(events) == [8.0]


def test_the_busiest_second_begins_anywhere() -> None:
    events = [event(time, "open") for time in (0.0, 0.6, 0.9, 1.5, 1.61, 5.0)]
    assert busiest_second(events) == 3
    assert busiest_second([]) == 0


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (1.0, 100)])
def test_a_percentile_is_one_of_the_values(share: float, value: int) -> None:
    assert percentile(range(1, 101), share) == value


@pytest.mark.parametrize(
    ("counts", "even"), [([90, 100, 110], True), ([88, 100, 112], False), ([10, 12, 8], True)]
)
def test_even_is_within_a_tenth_of_the_mean(counts: list[int], even: bool) -> None:
    assert is_even(counts) is even


def test_a_line_of_an_event_is_read_back() -> None:
    line = "12.500000 failed 7 OSError: no way\n"
    assert Event.parse(line) == event(12.5, "failed", 7, "OSError: no way")
