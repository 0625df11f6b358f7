"""What a transport does with a frame that the kernel does not take at once."""

import socket
import tracemalloc
from collections.abc import Callable
from contextlib import suppress

import pytest

from flask_echo.websocket import frames
from flask_echo.websocket.transport import SendTimeout, open_transport
from tests.support.pairs import Pair, tcp_pair, unix_pair

MIB = 2**20


@pytest.mark.parametrize("open_pair", [tcp_pair, unix_pair])
def test_a_large_payload_behind_a_full_buffer_is_not_copied(open_pair: Callable[[], Pair]) -> None:
    server, client = open_pair()
    transport = open_transport(server, 0.2, 0.2)
    payload = bytes(8 * MIB)
    with server, client:
        fill(server)
        tracemalloc.start()
        try:
            with pytest.raises(SendTimeout):
                transport.send_frame(frames.header(0x82, len(payload)), payload)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < MIB


def fill(sock: socket.socket) -> None:
    """Fill the buffers of the kernel."""
    with suppress(BlockingIOError):
        while sock.send(bytes(4096), socket.MSG_DONTWAIT):
            pass
