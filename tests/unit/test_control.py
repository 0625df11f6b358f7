"""Control frames: the same verdicts and the same bytes as wsproto's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto import ConnectionType
from wsproto.connection import Connection as Protocol
from wsproto.connection import ConnectionState
from wsproto.events import CloseConnection, Event
from wsproto.events import Ping as PingEvent
from wsproto.frame_protocol import CloseReason

from flask_echo.websocket import control
from flask_echo.websocket.control import Close, Ping, Pong, whole_control
from flask_echo.websocket.verdicts import Unacceptable
from tests.support.clients import frame

BAD_GATEWAY = 1014  # wsproto 1.3.2 does not know it.


def judged_by_wsproto(wire: bytes) -> tuple[Event, bool]:
    """The event that wsproto makes of a frame, and whether it is a verdict."""
    protocol = Protocol(ConnectionType.SERVER)
    protocol.receive_data(wire)
    (event,) = protocol.events()
    return event, protocol.state is ConnectionState.OPEN


def outcome(payload: bytes) -> tuple[int, str | None, bool]:
    try:
        return (*Close.parse(payload), False)
    except Unacceptable as error:
        return error.code, error.reason, True


REASONS = [b"", b"why", "κόσμε😀".encode(), b"\xff", "😀".encode()[:-1], b"x" * 123]


@pytest.mark.parametrize("reason", REASONS, ids=ascii)
def test_a_close_frame_with_any_code_is_judged_as_by_wsproto(reason: bytes) -> None:
    payloads = [code.to_bytes(2) + reason for code in [*range(5100), 65535] if code != BAD_GATEWAY]
    if not reason:
        payloads += [b"", b"\x03"]
    for payload in payloads:
        event, is_verdict = judged_by_wsproto(frame(0x88, payload))
        assert isinstance(event, CloseConnection)
        assert outcome(payload) == (event.code, event.reason, is_verdict)


def test_a_close_frame_may_carry_the_code_that_wsproto_does_not_know() -> None:
    assert outcome(BAD_GATEWAY.to_bytes(2) + b"why") == (BAD_GATEWAY, "why", False)


@given(
    code=st.sampled_from([1000, 1001, CloseReason.NO_STATUS_RCVD, 1011, 3000, 4999]),
    reason=st.one_of(st.none(), st.text(max_size=140)),
)
def test_a_close_frame_is_written_as_by_wsproto(code: int, reason: str | None) -> None:
    theirs = CloseConnection(code, None if code is CloseReason.NO_STATUS_RCVD else reason)
    assert Close(code, reason).frame() == Protocol(ConnectionType.SERVER).send(theirs)


@given(payload=st.binary(max_size=125), key=st.binary(min_size=4, max_size=4))
def test_a_ping_is_answered_as_by_wsproto(payload: bytes, key: bytes) -> None:
    wire = frame(0x89, payload, key)
    event, _ = judged_by_wsproto(wire)
    assert isinstance(event, PingEvent)
    parsed = whole_control(b"__" + wire + b"__", 2)
    assert parsed == (Ping(payload), 2 + len(wire))
    assert Ping(payload).pong() == Protocol(ConnectionType.SERVER).send(event.response())


def test_a_ping_of_ours_is_that_of_wsproto() -> None:
    assert Protocol(ConnectionType.SERVER).send(PingEvent()) == control.PING


def test_a_pong_is_read_with_its_payload() -> None:
    assert whole_control(frame(0x8A, b"late"), 0) == (Pong(b"late"), 10)


@pytest.mark.parametrize(
    "wire",
    [
        frame(0x89, b"abc")[:-1],
        frame(0x89, b"abc")[:1],
        frame(0x89, b"abc", key=None),
        frame(0x89, b"x" * 126),
        frame(0x09, b"abc"),
        frame(0xC9, b"abc"),
        frame(0x8B, b"abc"),
        frame(0x81, b"abc"),
    ],
    ids=["cut", "one byte", "unmasked", "long", "in fragments", "RSV1", "reserved", "text"],
)
def test_all_other_frames_are_left_to_wsproto(wire: bytes) -> None:
    assert whole_control(wire, 0) is None
