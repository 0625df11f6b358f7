"""What HTTP/2 would make of the heads of HTTP/1.1."""

import pytest
from hpack import Decoder

from tools import header_compression
from tools.header_compression import compressed_sizes

REQUEST = (
    b"GET /events?stream=a HTTP/1.1\r\nHost: localhost:8080\r\nConnection: keep-alive\r\n"
    b"User-Agent: test\r\nAccept: */*\r\n\r\n"
)
RESPONSE = b"HTTP/1.1 304 NOT MODIFIED\r\nServer: gunicorn\r\nConnection: keep-alive\r\n\r\n"


@pytest.mark.parametrize("head", [REQUEST, RESPONSE])
def test_a_head_that_comes_again_takes_a_few_bytes(head: bytes) -> None:
    first, *later = compressed_sizes([head] * 5)
    assert first < len(head)
    assert max(later) < 9 + 8


def test_the_fields_are_those_of_http_2(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder, seen = Decoder(), []

    class Spy(header_compression.Encoder):
        def encode(self, headers: list[tuple[str, str]]) -> bytes:  # type: ignore[override]
            data = super().encode(headers)
            seen.append(decoder.decode(data))
            return bytes(data)

    monkeypatch.setattr(header_compression, "Encoder", Spy)
    list(compressed_sizes([REQUEST, RESPONSE]))
    assert seen == [
        [
            (":method", "GET"),
            (":scheme", "https"),
            (":authority", "localhost:8080"),
            (":path", "/events?stream=a"),
            ("user-agent", "test"),
            ("accept", "*/*"),
        ],
        [(":status", "304"), ("server", "gunicorn")],
    ]
