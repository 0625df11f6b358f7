"""What HTTP/2 would make of the heads of HTTP/1.1."""

import pytest

from tools.header_compression import compressed_sizes, fields_of

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


def test_the_fields_are_those_of_http_2() -> None:
    assert fields_of(REQUEST) == [
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "localhost:8080"),
        (":path", "/events?stream=a"),
        ("user-agent", "test"),
        ("accept", "*/*"),
    ]
    assert fields_of(RESPONSE) == [(":status", "304"), ("server", "gunicorn")]
