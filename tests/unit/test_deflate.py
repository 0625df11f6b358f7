"""permessage-deflate against zlib, and where wsproto is wrong (RFC 7692)."""

import zlib
from collections.abc import Callable
from importlib.util import find_spec
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_echo.websocket import deflate
from flask_echo.websocket.deflate import Deflate, Inflater

TAIL = b"\x00\x00\xff\xff"
# Text that later messages can refer to, and that deflate cannot shorten by itself.
BASE = Random(1).randbytes(1_000)


def last_block(data: bytes, window: bytes = b"") -> bytes:
    """A message that ends with a block marked as the last one (section 7.2.3.4)."""
    deflater = zlib.compressobj(wbits=-15, zdict=window)
    return deflater.compress(data) + deflater.flush(zlib.Z_FINISH)


def inflate(inflater: Inflater, message: bytes, step: int = 1024) -> bytes:
    parts = (message[at : at + step] for at in range(0, len(message), step))
    return b"".join(add(inflater, part) for part in parts) + finish(inflater)


def add(inflater: Inflater, data: bytes) -> bytes:
    return b"".join(inflater.steps(data))


def finish(inflater: Inflater) -> bytes:
    return b"".join(inflater.last_steps(b""))


@pytest.mark.parametrize("step", [1, 7, 10**6], ids=["bytes", "sevens", "whole"])
@pytest.mark.parametrize("end", [b"\x00", b""], ids=["empty block", "nothing"])
@pytest.mark.parametrize("keeps_context", [True, False], ids=["takeover", "no takeover"])
def test_messages_with_a_last_block_are_inflated_and_so_are_those_after_them(
    keeps_context: bool, end: bytes, step: int
) -> None:
    inflater = Inflater(15, keeps_context)
    for text in (b"Hello", b"", b"Hello again"):
        assert inflate(inflater, last_block(text) + end, step) == text
    ordinary = zlib.compressobj(wbits=-15)
    message = ordinary.compress(b"ordinary") + ordinary.flush(zlib.Z_SYNC_FLUSH)[:-4]
    assert inflate(inflater, message, step) == b"ordinary"


def test_a_message_may_refer_to_those_before_a_last_block() -> None:
    inflater = Inflater(15, True)
    assert inflate(inflater, last_block(BASE) + b"\x00") == BASE
    again = last_block(BASE, window=BASE)
    assert len(again) < 500, "the second message refers to the first"
    assert inflate(inflater, again + b"\x00") == BASE


def test_several_last_blocks_in_one_message() -> None:
    message = b"".join(last_block(bytes([digit])) for digit in b"0123456789") + b"\x00"
    assert inflate(Inflater(15, True), message) == b"0123456789"


def test_too_many_last_blocks_are_an_error_because_each_takes_time() -> None:
    with pytest.raises(zlib.error, match="too many"):
        inflate(Inflater(15, True), last_block(b"") * 100)


def test_the_count_of_last_blocks_starts_again_with_each_message() -> None:
    inflater = Inflater(15, True)
    for _ in range(100):
        assert inflate(inflater, last_block(b"x") + b"\x00") == b"x"


messages = st.lists(
    st.one_of(st.binary(max_size=300), st.sampled_from([BASE, BASE * 20])), max_size=6
)


@given(messages=messages, cuts=st.integers(1, 5000), takeover=st.booleans())
def test_what_is_deflated_is_inflated_by_zlib_with_the_negotiated_window(
    messages: list[bytes], cuts: int, takeover: bool
) -> None:
    extension = Deflate()
    extension.server_no_context_takeover = not takeover
    inflater = zlib.decompressobj(-15)
    for message in messages:
        if not takeover:
            inflater = zlib.decompressobj(-15)
        parts = [message[at : at + cuts] for at in range(0, len(message), cuts)]
        wire = b"".join(extension.compress(part, is_final=False) for part in parts)
        wire += extension.compress(b"")
        assert inflater.decompress(wire + TAIL) == message


@pytest.fixture(params=[True, False], ids=["isal", "zlib"])
def with_isal(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deflate large messages with isal, and as without that package."""
    if request.param:
        assert find_spec("isal"), "requirements-dev.txt has it"
    else:
        monkeypatch.setattr(deflate, "isal_zlib", None)


@pytest.mark.usefixtures("with_isal")
@pytest.mark.parametrize("bits", [9, 12, 15])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(messages=messages, takeover=st.booleans())
def test_a_whole_message_is_deflated_with_the_negotiated_window(
    bits: int, messages: list[bytes], takeover: bool
) -> None:
    """Large ones between small ones, in one stream."""
    extension, inflater = Deflate(), zlib.decompressobj(-bits)
    extension.server_no_context_takeover = not takeover
    extension.server_max_window_bits = bits
    for message in messages:
        if not takeover:
            inflater = zlib.decompressobj(-bits)
        # Only between its calls does zlib forget what is outside the window.
        data, output = extension.compress_whole(message) + TAIL, b""
        while step := inflater.decompress(data, 64):
            data, output = inflater.unconsumed_tail, output + step
        assert output == message


@pytest.mark.usefixtures("with_isal")
def test_a_large_message_leaves_nothing_to_refer_to_and_no_deflater() -> None:
    extension, inflater = Deflate(), zlib.decompressobj(-15)
    sizes = []
    for message in (BASE, BASE, BASE * 20, BASE):
        wire = extension.compress_whole(message)
        assert inflater.decompress(wire + TAIL) == message
        sizes.append(len(wire))
    assert sizes[1] < 100 < sizes[0] <= sizes[3], "only the second refers to the one before it"


# Also what cannot be inflated, and blocks that are marked as the last one.
wires = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from([b"", b"\x00", TAIL, last_block(BASE), last_block(b""), b"\x03\x00" * 3]),
        st.builds(lambda text: last_block(text) + b"\x00" + TAIL, st.binary(max_size=20)),
        st.binary(max_size=40).map(lambda text: zlib.compress(text, wbits=-15)[:-1]),
    ),
    max_size=4,
)


@given(messages=wires, cut=st.integers(1, 50), takeover=st.booleans())
def test_the_last_part_with_its_tail_inflates_to_the_same_as_both_apart(
    messages: list[bytes], cut: int, takeover: bool
) -> None:
    apart, together = (Inflater(15, takeover) for _ in range(2))

    def in_two_calls(message: bytes) -> bytes:
        return add(apart, message[:cut]) + add(apart, message[cut:]) + finish(apart)

    def in_one_call(message: bytes) -> bytes:
        begun = b"".join(together.steps(message[:cut])) if message[cut:] else b""
        return begun + b"".join(together.last_steps(message[cut:] or message))

    for message in messages:
        expected, found = outcome(in_two_calls, message), outcome(in_one_call, message)
        assert found == expected
        if expected is None:
            return


def outcome(inflate: Callable[[bytes], bytes], message: bytes) -> bytes | None:
    """What a message inflates to; None if it cannot be inflated."""
    try:
        return inflate(message)
    except zlib.error:
        return None
