"""The longest message that the service accepts by default."""

import pytest

from tests.support.clients import RawWebSocket, close_frame, deflated, frame, raw
from tests.support.servers import Server

pytestmark = pytest.mark.also_over_tls

LIMIT = 2**20
DEFLATE = {"Sec-WebSocket-Extensions": "permessage-deflate"}


def whole_message(client: RawWebSocket) -> bytes:
    """Read a message, which may come in fragments."""
    parts = [client.receive()]
    while not parts[-1].first & 0x80:
        parts.append(client.receive())
    return b"".join(part.payload for part in parts)


@pytest.mark.parametrize("text", ["x", "\0", "é", "😀"])
def test_a_text_of_exactly_one_mebibyte_comes_back(server: Server, text: str) -> None:
    payload = (text * LIMIT).encode()[:LIMIT]
    with raw(server) as client:
        client.send(frame(0x81, payload))
        assert client.receive().payload == payload


def test_a_compressed_message_of_exactly_one_mebibyte_comes_back(server: Server) -> None:
    with raw(server, changes=DEFLATE) as client:
        client.send(frame(0xC2, deflated(bytes(LIMIT))))
        assert client.receive().first == 0xC2


def test_the_greeter_answers_a_text_of_exactly_one_mebibyte(server: Server) -> None:
    with raw(server, "/WS.ashx") as client:
        assert client.receive().payload == b'"hello from server"'
        client.send(frame(0x81, bytes(LIMIT)))
        assert whole_message(client) == b'"' + b"\\u0000" * LIMIT + b' back"'


@pytest.mark.parametrize(
    "message",
    [frame(0x82, bytes(LIMIT + 1)), frame(0xC2, deflated(bytes(LIMIT + 1)))],
    ids=["plain", "compressed"],
)
def test_one_byte_more_is_refused_with_1009(server: Server, message: bytes) -> None:
    with raw(server, changes=DEFLATE) as client:
        client.send(message[:2000])
        closed = client.receive()
        assert closed.close_code == 1009
        client.send(close_frame(1009))
