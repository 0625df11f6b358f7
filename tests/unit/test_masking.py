"""Masking: the function in C and the one in Python do what RFC 6455, section 5.3, says."""

import os
import random
import subprocess
import sys
from collections.abc import Callable
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_echo.websocket.masking import unmask, unmask_in_python
from tests.support.servers import WITHOUT_WEBSOCKETS

Unmask = Callable[[bytes, bytes], bytes]

KEY = b"\x01\x80\xfe\x37"
ROTATIONS = [KEY[places:] + KEY[:places] for places in range(4)]
LARGE = [1023, 1024, 1025, 4093, 65535, 65536, 65539, 2**20 - 1, 2**20]

# Where the tests run without websockets, both are the one in Python.
each = pytest.mark.parametrize("masking", [unmask, unmask_in_python], ids=["chosen", "python"])


def by_the_rfc(data: bytes, key: bytes) -> bytes:
    return bytes(byte ^ part for byte, part in zip(data, cycle(key), strict=False))


@each
@pytest.mark.parametrize("key", ROTATIONS, ids=range(4))
def test_all_short_lengths_are_masked_as_the_rfc_says(masking: Unmask, key: bytes) -> None:
    data = random.Random(1).randbytes(300)
    for size in range(len(data) + 1):
        masked = masking(data[:size], key)
        assert masked == by_the_rfc(data[:size], key)
        assert masking(masked, key) == data[:size]


@each
@pytest.mark.parametrize("size", LARGE)
def test_long_payloads_are_masked_as_the_rfc_says(masking: Unmask, size: int) -> None:
    data = random.Random(size).randbytes(size)
    for key in ROTATIONS:
        assert masking(data, key) == by_the_rfc(data, key)


@each
@given(data=st.binary(max_size=3000), key=st.binary(min_size=4, max_size=4))
def test_all_keys_mask_as_the_rfc_says(masking: Unmask, data: bytes, key: bytes) -> None:
    assert masking(data, key) == by_the_rfc(data, key)


@each
def test_the_place_in_a_read_makes_no_difference(masking: Unmask) -> None:
    data = random.Random(2).randbytes(400)
    for start in range(64):
        for size in (1, 7, 33, 125, 300):
            piece = data[start : start + size]
            assert masking(piece, KEY) == by_the_rfc(piece, KEY)


@each
def test_the_result_is_bytes(masking: Unmask) -> None:
    for size in (0, 5, 2000):
        assert type(masking(bytes(size), KEY)) is bytes


def test_c_is_used_unless_the_tests_hide_websockets() -> None:
    is_hidden = sys.modules["websockets"] is None
    assert (unmask is unmask_in_python) is is_hidden


def test_python_is_used_where_websockets_is_not_installed() -> None:
    code = "from flask_echo.websocket.masking import *; print(unmask is unmask_in_python)"
    variables = os.environ | {"PYTHONPATH": str(WITHOUT_WEBSOCKETS)}
    assert subprocess.check_output([sys.executable, "-c", code], env=variables) == b"True\n"
