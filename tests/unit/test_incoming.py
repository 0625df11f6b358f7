"""What arrives, without a socket."""

import tracemalloc

import pytest
from wsproto import ConnectionType
from wsproto.connection import Connection as Protocol

from flask_echo.websocket.incoming import Incoming
from tests.support.clients import frame

FRAGMENTS = 20_000


@pytest.mark.parametrize("payload", [b"", b"x"], ids=["empty", "one byte"])
@pytest.mark.parametrize("opcode", [0x01, 0x02], ids=["text", "binary"])
def test_a_message_in_tiny_fragments_takes_little_more_than_its_size(
    opcode: int, payload: bytes
) -> None:
    incoming = Incoming(Protocol(ConnectionType.SERVER), limit=2**20)
    fragment = frame(0x00, payload)
    incoming.add(frame(opcode, b"a"))
    assert incoming.next() is None
    tracemalloc.start()
    try:
        for _ in range(FRAGMENTS):
            incoming.add(fragment)
            assert incoming.next() is None
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A list of the fragments would take 8 bytes for each empty one, 42 for each of one byte.
    assert size < 8 * FRAGMENTS
    incoming.add(frame(0x80, b"z"))
    message = incoming.next()
    assert message in ("a" + payload.decode() * FRAGMENTS + "z", b"a" + payload * FRAGMENTS + b"z")
