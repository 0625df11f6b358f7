"""What arrives, without a socket."""

import tracemalloc
from collections.abc import Callable, Iterator

import pytest
from wsproto.frame_protocol import FrameProtocol, ParseFailed

from flask_echo.websocket.budget import Account, Budget
from flask_echo.websocket.control import Close, Control, Ping, Pong
from flask_echo.websocket.deflate import Deflate
from flask_echo.websocket.frames import Message
from flask_echo.websocket.incoming import Incoming
from flask_echo.websocket.verdicts import Unacceptable
from tests.support.clients import close_frame, deflated, frame

FRAGMENTS = 20_000


@pytest.mark.parametrize("payload", [b"", b"x"], ids=["empty", "one byte"])
@pytest.mark.parametrize("opcode", [0x01, 0x02], ids=["text", "binary"])
def test_a_message_in_tiny_fragments_takes_little_more_than_its_size(
    opcode: int, payload: bytes
) -> None:
    stream = incoming()
    fragment = frame(0x00, payload)
    stream.add(frame(opcode, b"a"))
    assert stream.next() is None
    tracemalloc.start()
    try:
        for _ in range(FRAGMENTS):
            stream.add(fragment)
            assert stream.next() is None
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A list of the fragments would take 8 bytes for each empty one, 42 for each of one byte.
    assert size < 8 * FRAGMENTS
    stream.add(frame(0x80, b"z"))
    message = stream.next()
    assert message in ("a" + payload.decode() * FRAGMENTS + "z", b"a" + payload * FRAGMENTS + b"z")


def incoming(limit: int = 2**20, deflate: Deflate | None = None) -> Incoming:
    """An input whose memory is not limited."""
    return Incoming(limit, Account(Budget(2**30)), deflate)


def arriving(stream: Incoming, wire: bytes, step: int) -> Iterator[Message | Control]:
    """What becomes of bytes that arrive ``step`` at a time."""
    for at in range(0, len(wire), step):
        stream.add(wire[at : at + step])
        while stream.pending:
            if (item := stream.next()) is not None:
                yield item


@pytest.mark.parametrize("opcode", [0x81, 0x82], ids=["text", "binary"])
def test_a_large_frame_in_tiny_segments_takes_little_more_than_its_size(opcode: int) -> None:
    size = 50_000
    whole = frame(opcode, b"x" * size)
    stream = incoming()
    stream.add(whole[:200])
    assert stream.next() is None
    tracemalloc.start()
    try:
        for at in range(200, len(whole) - 2, 2):
            stream.add(whole[at : at + 2])
            assert stream.next() is None
        memory, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A text for each segment would take 25 bytes for each byte.
    assert memory < 1.5 * size
    stream.add(whole[-2:])
    assert stream.next() in ("x" * size, b"x" * size)


@pytest.mark.parametrize("step", [1, 3, 200], ids=["bytes", "threes", "whole"])
@pytest.mark.parametrize("code", [1013, 1014, 1001])
def test_a_close_frame_with_a_registered_code_is_accepted(code: int, step: int) -> None:
    stream = incoming()
    wire = close_frame(code, "the reason")
    item = None
    for at in range(0, len(wire), step):
        assert item is None
        stream.add(wire[at : at + step])
        item = stream.next()
    assert item == Close(code, "the reason")
    assert item.frame() == b"\x88\x0c" + code.to_bytes(2) + b"the reason"


def test_a_bad_reason_of_a_close_frame_with_1014_is_refused() -> None:
    stream = incoming()
    stream.add(frame(0x88, (1014).to_bytes(2, "big") + b"\xff"))
    with pytest.raises(Unacceptable) as raised:
        stream.next()
    assert raised.value.code == 1007


def negotiated() -> Deflate:
    deflate = Deflate()
    deflate.finalize("permessage-deflate")
    return deflate


@pytest.mark.parametrize("step", [1, 7, 5000, 10**6])
@pytest.mark.parametrize("opcode", [0xC1, 0xC2], ids=["text", "binary"])
def test_a_compressed_frame_is_the_same_in_whatever_pieces_it_comes(opcode: int, step: int) -> None:
    texts = ["", "x", "κόσμε 😀 " * 3000, "".join(map(str, range(20_000)))]
    wire = b"".join(frame(opcode, deflated(text.encode()), b"\x01\x80\xff\x42") for text in texts)
    stream, found = incoming(deflate=negotiated()), []
    for message in arriving(stream, wire, step):
        found.append(message)
        assert stream.compressed
    assert found == [text if opcode == 0xC1 else text.encode() for text in texts]
    assert stream.bytes == sum(len(text.encode()) for text in texts)
    assert stream.under_way == 0


@pytest.mark.parametrize("text", [b"\xff", "😀".encode()[:-1], b"x" * 20_000 + b"\xff"])
def test_a_compressed_text_that_is_not_utf8_is_refused(text: bytes) -> None:
    stream = incoming(deflate=negotiated())
    stream.add(frame(0xC1, deflated(text)))
    with pytest.raises(Unacceptable) as raised:
        stream.next()
    assert raised.value.code == 1007


def test_a_compressed_frame_that_cannot_be_inflated_is_refused() -> None:
    stream = incoming(deflate=negotiated())
    stream.add(frame(0xC2, b"\xff\xff\xff"))
    with pytest.raises(Unacceptable, match="error in extension") as raised:
        stream.next()
    assert raised.value.code == 1007


def test_a_compressed_frame_beyond_the_limit_is_refused_by_its_header() -> None:
    stream = incoming(limit=1000, deflate=negotiated())
    stream.add(frame(0xC2, bytes(3000))[:8])
    with pytest.raises(Unacceptable, match="longer than 1000 bytes"):
        stream.next()


def test_a_compressed_frame_takes_no_more_memory_than_the_limit_allows() -> None:
    limit = 2**20
    wire = frame(0xC2, deflated(bytes(64 * 2**20)))
    stream = incoming(limit, negotiated())
    tracemalloc.start()
    try:
        stream.add(wire)
        with pytest.raises(Unacceptable, match="longer than"):
            stream.next()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The message and the reserve of its buffer, twice while the buffer grows.
    assert peak < 2.5 * limit


def test_a_handler_that_does_not_receive_keeps_little_of_a_compressed_frame() -> None:
    stream = incoming(16 * 2**20, negotiated())
    stream.add(frame(0xC2, deflated(bytes(8 * 2**20))))
    assert stream.next(stop_at=2**18) is None
    assert 2**18 <= stream.under_way <= 2**18 + 2**16
    assert stream.next() == bytes(8 * 2**20)


def test_the_fragments_of_a_compressed_message_are_limited_as_they_arrive() -> None:
    """Empty blocks inflate to nothing, so only their own size can be limited."""
    stream = incoming(limit=1000, deflate=negotiated())
    empty_blocks = b"\x00\x00\x00\xff\xff" * 100
    stream.add(frame(0x42, empty_blocks))
    assert stream.next() is None
    for _ in range(3):
        stream.add(frame(0x00, empty_blocks))
        assert stream.next() is None
    stream.add(frame(0x00, empty_blocks))
    with pytest.raises(Unacceptable, match="longer than 1000 bytes"):
        stream.next()


def test_common_frames_need_no_wsproto(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its objects take much memory, and it takes long."""

    def refuse(*_: object) -> None:
        raise AssertionError("wsproto is not needed")

    monkeypatch.setattr("flask_echo.websocket.judged.FrameProtocol", refuse)
    stream = incoming(deflate=negotiated())
    wire = (
        frame(0x81, b"a")
        + frame(0x89, b"b")
        + frame(0x8A, b"c")
        + frame(0x02, bytes(300))
        + frame(0x89, b"d")
        + frame(0x80)
        + frame(0x41, deflated(b"ee")[:2])
        + frame(0x80, deflated(b"ee")[2:])
        + close_frame(1001, "f")
    )
    for step in (len(wire), 1):
        assert list(arriving(stream, wire, step)) == [
            "a",
            Ping(b"b"),
            Pong(b"c"),
            Ping(b"d"),
            bytes(300),
            "ee",
            Close(1001, "f"),
        ]


@pytest.mark.parametrize("step", [1, 2, 100])
def test_a_control_frame_may_come_within_a_message_before_and_after_others(step: int) -> None:
    stream = incoming(deflate=negotiated())
    message = deflated(b"abc" * 50)
    wire = (
        frame(0x89, b"1")
        + frame(0x41, message[:3])
        + frame(0x89, b"2")
        + frame(0x00, message[3:5])
        + frame(0x8A, b"3")
        + frame(0x80, message[5:])
        + frame(0x89, b"4")
        + frame(0x81, b"end")
    )
    assert list(arriving(stream, wire, step)) == [
        Ping(b"1"),
        Ping(b"2"),
        Pong(b"3"),
        "abc" * 50,
        Ping(b"4"),
        "end",
    ]


@pytest.mark.parametrize("opcode", [0x82, 0x02], ids=["large frame", "fragment"])
def test_a_payload_is_not_searched_for_control_frames(opcode: int) -> None:
    payload = b"x" * 200 + frame(0x89, b"not a ping") * 20
    wire = frame(opcode, payload, key=bytes(4)) + frame(0x80, b"")[: 6 * (opcode == 0x02)]
    stream = incoming()
    for at in (slice(208), slice(208, None)):
        stream.add(wire[at])
        found = stream.next()
    assert found == payload


FAULTS = {
    "reserved bit": frame(0x91, b"x"),
    "reserved bit of compression": frame(0xC1, b"x"),
    "opcode": frame(0x83, b"x"),
    "opcode of a control frame": frame(0x8B, b"x"),
    "no mask": frame(0x81, b"x", key=None),
    "ping without mask": frame(0x89, b"x", key=None),
    "long form": b"\x81\xfe\x00\x05\0\0\0\0hello",
    "longest form": b"\x82\xff" + (1000).to_bytes(8, "big") + bytes(1004),
    "highest bit of a length": b"\x82\xff\x80" + bytes(12),
    "long ping": frame(0x89, bytes(126)),
    "ping in fragments": frame(0x09, b"x"),
}
# What is wrong there only.
FAULTS_AT_THE_START = {"continuation": frame(0x80, b"x"), "empty continuation": frame(0x00)}
FAULTS_WITHIN = {"text": frame(0x81, b"x"), "empty binary": frame(0x02)}


@pytest.mark.parametrize(
    ("before", "wire"),
    [
        *((b"", wire) for wire in (FAULTS | FAULTS_AT_THE_START).values()),
        *((frame(0x01, b"y"), wire) for wire in (FAULTS | FAULTS_WITHIN).values()),
    ],
    ids=[
        *(f"{name} at the start" for name in FAULTS | FAULTS_AT_THE_START),
        *(f"{name} within" for name in FAULTS | FAULTS_WITHIN),
    ],
)
def test_a_fault_is_found_as_soon_as_wsproto_finds_it(before: bytes, wire: bytes) -> None:
    """Byte by byte: after the same byte, with the same words."""
    stream, protocol = incoming(), FrameProtocol(client=False, extensions=[])
    for byte in before + wire:
        stream.add(bytes([byte]))
        protocol.receive_bytes(bytes([byte]))
        fault = error_of(lambda: list(protocol.received_frames()), ParseFailed)
        found = error_of(stream.next, Unacceptable)
        if fault is not None or found is not None:
            assert isinstance(fault, ParseFailed)
            assert isinstance(found, Unacceptable)
            assert (found.code, found.reason) == (fault.code, str(fault))
            return
    raise AssertionError("there is no fault")


def error_of(call: Callable[[], object], kind: type[Exception]) -> Exception | None:
    """Return the error of this kind that a call raises."""
    try:
        call()
    except kind as error:
        return error
    return None


@pytest.mark.parametrize("first", [0x01, 0x02], ids=["text", "binary"])
def test_the_sum_of_fragments_is_limited_by_their_headers(first: int) -> None:
    stream = incoming(limit=1000)
    stream.add(frame(first, bytes(600)) + frame(0x00, bytes(401))[:8])
    with pytest.raises(Unacceptable, match="longer than 1000 bytes"):
        stream.next()


@pytest.mark.parametrize("step", [1, 10**6], ids=["bytes", "whole"])
def test_a_character_may_be_in_two_fragments(step: int) -> None:
    data = "aé😀".encode()
    wire = frame(0x01, data[:2]) + frame(0x00) + frame(0x00, data[2:5]) + frame(0x80, data[5:])
    stream, found = incoming(), None
    for at in range(0, len(wire), step):
        stream.add(wire[at : at + step])
        found = stream.next()
    assert found == "aé😀"


@pytest.mark.parametrize("last", [b"", b"\x98", b"x"])
def test_a_text_in_fragments_that_is_not_utf8_is_refused(last: bytes) -> None:
    stream = incoming()
    stream.add(frame(0x01, "😀".encode()[:2]) + frame(0x80, last))
    with pytest.raises(Unacceptable) as raised:
        stream.next()
    assert raised.value.code == 1007
