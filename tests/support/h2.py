"""The little of HTTP/2 that opens WebSockets (RFC 9113, RFC 8441)."""

import ssl
from contextlib import suppress

from hpack import Decoder, Encoder

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEADERS, _SETTINGS = 1, 4
_ACKNOWLEDGED, _END_HEADERS = 1, 4


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    head = len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big")
    return head + payload


def websockets(sock: ssl.SSLSocket, authority: str, count: int) -> list[int]:
    """Ask for WebSockets at ``/echo``, all in one connection, and return the statuses.

    A WebSocket that opens has the status 200. It stays open as long as the connection.
    """
    headers = [
        (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"),
        (":path", "/echo"), (":authority", authority), ("sec-websocket-version", "13"),
    ]  # fmt: skip
    encoder = Encoder()
    requests = [
        _frame(_HEADERS, _END_HEADERS, 1 + 2 * number, encoder.encode(headers))
        for number in range(count)
    ]
    sock.sendall(_PREFACE + _frame(_SETTINGS, 0, 0) + b"".join(requests))
    return _statuses(sock, count)


def _statuses(sock: ssl.SSLSocket, count: int) -> list[int]:
    decoder = Decoder()
    found: list[int] = []
    with sock.makefile("rb") as stream:
        while len(found) < count:
            head = stream.read(9)
            assert len(head) == 9, f"the stream ended after {found}"
            payload = stream.read(int.from_bytes(head[:3], "big"))
            if head[3] == _SETTINGS and not head[4] & _ACKNOWLEDGED:
                with suppress(OSError):
                    sock.sendall(_frame(_SETTINGS, _ACKNOWLEDGED, 0))
            elif head[3] == _HEADERS:
                found.append(int(dict(decoder.decode(payload, raw=True))[b":status"]))
    return found
