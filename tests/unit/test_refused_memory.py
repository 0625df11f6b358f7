"""A connection that was refused something large holds none of it while it closes."""

import tracemalloc

import pytest

from tests.support.clients import close_frame, deflated, frame
from tests.support.pairs import Open

MIB = 2**20
DEFLATE = "permessage-deflate"


@pytest.mark.parametrize(
    "message",
    [
        frame(0xC1, deflated(bytes(2 * MIB))),
        frame(0xC2, deflated(bytes(2 * MIB))),
        frame(0x41, deflated(bytes(MIB - 1))) + frame(0x81, b"not a continuation"),
        frame(0x01, bytes(MIB - 1)) + frame(0x80, b"too long"),
    ],
    ids=["text bomb", "bomb", "fragment", "fragment, too long"],
)
def test_a_refused_message_is_dropped_before_the_closing_handshake(
    serve: Open, message: bytes
) -> None:
    client, _ = serve(extensions=DEFLATE, close_timeout_seconds=5)
    tracemalloc.start()
    try:
        client.send(message)
        closed = client.receive()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert closed.close_code in {1002, 1009}
    # The peer has not answered, so the server still waits. Its buffer for that has 256 KiB.
    assert held < MIB
    client.send(close_frame())
