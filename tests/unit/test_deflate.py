"""permessage-deflate against zlib, and where wsproto is wrong (RFC 7692)."""

import zlib
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_echo.websocket.deflate import Deflate, Inflater, Unmetered

TAIL = b"\x00\x00\xff\xff"
# Text that later messages can refer to, and that deflate cannot shorten by itself.
BASE = Random(1).randbytes(1_000)


def last_block(data: bytes, window: bytes = b"") -> bytes:
    """A message that ends with a block marked as the last one (section 7.2.3.4)."""
    deflater = zlib.compressobj(wbits=-15, zdict=window)
    return deflater.compress(data) + deflater.flush(zlib.Z_FINISH)


def inflate(inflater: Inflater, message: bytes, step: int = 1024) -> bytes:
    output = b"".join(inflater.add(message[at : at + step]) for at in range(0, len(message), step))
    return output + inflater.finish()


@pytest.mark.parametrize("step", [1, 7, 10**6], ids=["bytes", "sevens", "whole"])
@pytest.mark.parametrize("end", [b"\x00", b""], ids=["empty block", "nothing"])
@pytest.mark.parametrize("keeps_context", [True, False], ids=["takeover", "no takeover"])
def test_messages_with_a_last_block_are_inflated_and_so_are_those_after_them(
    keeps_context: bool, end: bytes, step: int
) -> None:
    inflater = Inflater(15, keeps_context, Unmetered())
    for text in (b"Hello", b"", b"Hello again"):
        assert inflate(inflater, last_block(text) + end, step) == text
    ordinary = zlib.compressobj(wbits=-15)
    message = ordinary.compress(b"ordinary") + ordinary.flush(zlib.Z_SYNC_FLUSH)[:-4]
    assert inflate(inflater, message, step) == b"ordinary"


def test_a_message_may_refer_to_those_before_a_last_block() -> None:
    inflater = Inflater(15, True, Unmetered())
    assert inflate(inflater, last_block(BASE) + b"\x00") == BASE
    again = last_block(BASE, window=BASE)
    assert len(again) < 500, "the second message refers to the first"
    assert inflate(inflater, again + b"\x00") == BASE


def test_several_last_blocks_in_one_message() -> None:
    message = b"".join(last_block(bytes([digit])) for digit in b"0123456789") + b"\x00"
    assert inflate(Inflater(15, True, Unmetered()), message) == b"0123456789"


def test_too_many_last_blocks_are_an_error_because_each_takes_time() -> None:
    with pytest.raises(zlib.error, match="too many"):
        inflate(Inflater(15, True, Unmetered()), last_block(b"") * 100)


def test_the_count_of_last_blocks_starts_again_with_each_message() -> None:
    inflater = Inflater(15, True, Unmetered())
    for _ in range(100):
        assert inflate(inflater, last_block(b"x") + b"\x00") == b"x"


messages = st.lists(st.one_of(st.binary(max_size=300), st.builds(lambda: BASE)), max_size=6)


@given(messages=messages, cuts=st.integers(1, 5000), takeover=st.booleans())
def test_what_is_deflated_is_inflated_by_zlib_with_the_negotiated_window(
    messages: list[bytes], cuts: int, takeover: bool
) -> None:
    deflate = Deflate()
    deflate.server_no_context_takeover = not takeover
    inflater = zlib.decompressobj(-15)
    for message in messages:
        if not takeover:
            inflater = zlib.decompressobj(-15)
        parts = [message[at : at + cuts] for at in range(0, len(message), cuts)]
        wire = b"".join(deflate.compress(part, is_final=False) for part in parts)
        wire += deflate.compress(b"")
        assert inflater.decompress(wire + TAIL) == message


@given(messages=messages)
def test_a_whole_message_is_deflated_in_one_go(messages: list[bytes]) -> None:
    deflate, inflater = Deflate(), zlib.decompressobj(-15)
    for message in messages:
        assert inflater.decompress(deflate.compress(message) + TAIL) == message
