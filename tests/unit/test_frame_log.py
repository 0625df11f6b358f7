"""The frames of a trace, read from the bytes of one direction."""

import itertools
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from flask_echo.traces.frame_log import CLOSE, MOST_FRAMES, PING, TEXT, FrameLog
from tests.support.clients import close_frame, frame

KEY = b"\x37\xfa\x21\x3d"


def log_of(data: bytes, *cuts: int) -> FrameLog:
    """A log that got ``data`` in pieces."""
    log = FrameLog("received", lambda: 12.5)
    places = [0, *sorted(cuts), len(data)]
    for start, end in itertools.pairwise(places):
        log.feed(data[start:end])
    return log


def frames_of(log: FrameLog) -> list[dict[str, Any]]:
    return [json.loads(text) for _, text in log.frames]


def test_the_masked_text_of_the_rfc() -> None:
    # RFC 6455, section 5.7.
    log = log_of(bytes.fromhex("818537fa213d7f9f4d5158"))
    assert frames_of(log) == [
        {
            "at": 12.5,
            "direction": "received",
            "opcode": 1,
            "fin": True,
            "rsv1": False,
            "mask": "37fa213d",
            "wire_length": 11,
            "payload": "48656c6c6f",
            "wire_payload": "7f9f4d5158",
        }
    ]
    assert (log.messages, log.wire_bytes, log.last_byte_at) == (1, 11, 12.5)


def test_an_unmasked_compressed_frame() -> None:
    (seen,) = frames_of(log_of(frame(0xC1, b"\xf2\x48\xcd\xc9\xc9\x07\x00", key=None)))
    assert (seen["rsv1"], seen["mask"], seen["wire_payload"]) == (True, None, None)


def test_long_payloads_keep_their_beginning() -> None:
    for size in (126, 65536):
        payload = bytes(range(256)) * (size // 256 + 1)
        log = log_of(frame(0x82, payload[:size], KEY))
        (seen,) = frames_of(log)
        assert seen["payload"] == payload[:64].hex()
        assert len(seen["wire_payload"]) == 128
        assert seen["wire_length"] == log.wire_bytes


def test_fragments_are_one_message() -> None:
    log = log_of(frame(0x01, b"a") + frame(0x89, b"ping") + frame(0x80, b"b"))
    assert (log.messages, log.count(TEXT), log.count(PING)) == (1, 1, 1)
    assert [seen["opcode"] for seen in frames_of(log)] == [1, 9, 0]


def test_the_first_close_frame_is_kept_whole() -> None:
    reason = "r" * 123
    log = log_of(close_frame(1000, reason) + close_frame(1001))
    assert log.close == ((1000).to_bytes(2, "big") + reason.encode(), 12.5)
    assert log.count(CLOSE) == 2


def test_an_incomplete_frame_counts_as_bytes_only() -> None:
    log = log_of(frame(0x81, b"hello")[:-1])
    assert (log.wire_bytes, log.messages, log.frames) == (10, 0, [])


def test_the_first_frames_are_kept_and_all_are_counted() -> None:
    log = log_of(frame(0x81, b"x") * (MOST_FRAMES + 5))
    assert (len(log.frames), log.messages) == (MOST_FRAMES, MOST_FRAMES + 5)


def test_frames_can_be_forgotten() -> None:
    log = log_of(frame(0x81, b"x"))
    log.keep_no_frames()
    log.feed(frame(0x81, b"y"))
    assert (log.frames, log.messages) == ([], 2)


def test_the_head_of_the_response_is_skipped() -> None:
    log = FrameLog("sent", lambda: 0.0)
    log.skip(10)
    log.feed(b"HTTP/1")
    assert (log.wire_bytes, log.last_byte_at) == (0, None)
    log.feed(b".1 1" + frame(0x81, b"x", key=None))
    assert (log.wire_bytes, log.messages) == (3, 1)


PAYLOADS = st.lists(st.binary(max_size=300), min_size=1, max_size=8)


@given(PAYLOADS, st.booleans(), st.data())
def test_pieces_make_no_difference(
    payloads: list[bytes], masked: bool, data: st.DataObject
) -> None:
    stream = b"".join(frame(0x82, payload, KEY if masked else None) for payload in payloads)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=10))
    whole, pieces = log_of(stream), log_of(stream, *cuts)
    assert frames_of(whole) == frames_of(pieces)
    assert whole.wire_bytes == pieces.wire_bytes == len(stream)
    assert whole.messages == pieces.messages == len(payloads)
    assert [seen["payload"] for seen in frames_of(whole)] == [p[:64].hex() for p in payloads]
