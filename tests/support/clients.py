"""Clients: simple-websocket's as users have it, and raw sockets that may break every rule."""

import base64
import json
import os
import socket
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPResponse
from typing import Any, NamedTuple
from urllib.request import urlopen

from simple_websocket import Client
from wsproto.events import Ping
from wsproto.utilities import generate_accept_token

from flask_echo.probe.tls import TurnTakingSocket
from tests.support.servers import Server
from tests.support.tls import ClientSocket, trusting

TIMEOUT = 10  # seconds; a test that waits longer has failed


def dial(
    server: Server, receive_buffer: int | None = None, source: str | None = None
) -> socket.socket:
    """Connect to ``server``, plain or with TLS.

    :param receive_buffer: size in bytes of the socket's buffer, for a client that is slow.
    :param source: the address to connect from, which is one of this machine's.
    """
    sock = socket.socket()
    with ExitStack() as on_failure:
        on_failure.callback(sock.close)
        sock.settimeout(TIMEOUT)
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source is not None:
            sock.bind((source, 0))
        sock.connect(("127.0.0.1", server.port))
        if server.is_tls:
            sock = trusting(ClientSocket).wrap_socket(sock, suppress_ragged_eofs=False)
        on_failure.pop_all()
    return sock


class _ReadAndSent(TurnTakingSocket):
    """simple-websocket reads in one thread and sends in another. OpenSSL does not allow that."""

    def do_handshake(self, block: bool = False) -> None:
        super().do_handshake(block)
        self.take_turns()


@contextmanager
def connected(server: Server, path: str, **options: Any) -> Iterator[Client]:
    """Open a simple-websocket client, and close it at the end if the test has not."""
    if server.is_tls:
        options["ssl_context"] = trusting(_ReadAndSent)
    client = Client.connect(f"{server.ws_url}{path}", **options)
    # If 101 and the first message share a packet, the client shows that message only when
    # something else arrives: an answer to this ping does.
    ws: Any = client
    ws.sock.sendall(ws.ws.send(Ping()))
    try:
        yield client
    finally:
        if client.connected:
            client.close()


def health(server: Server) -> dict[str, Any]:
    """What the server says of itself."""
    context = trusting() if server.is_tls else None
    with urlopen(f"{server.url}/healthz", timeout=TIMEOUT, context=context) as answer:
        return dict(json.load(answer))


UPGRADE = {
    "Host": "localhost",
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": base64.b64encode(b"sixteen bytes ok").decode(),
}


def request_bytes(
    path: str = "/echo",
    changes: Mapping[str, str | None] | None = None,
    method: str = "GET",
    version: str = "HTTP/1.1",
) -> bytes:
    """A good upgrade request with some headers changed, or left out where they are None."""
    headers = {**UPGRADE, **(changes or {})}
    lines = [f"{method} {path} {version}"]
    lines += [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


class Answer(NamedTuple):
    """An HTTP response, read to its end."""

    status: int
    headers: Mapping[str, str]
    text: str


def ask(server: Server, request: bytes) -> Answer:
    """Send ``request`` as it is and read the response."""
    with dial(server) as sock:
        sock.sendall(request)
        response = HTTPResponse(sock, method=request.split()[0].decode())
        response.begin()
        with response:
            headers: dict[str, str] = {}
            for name, value in response.getheaders():
                headers[name] = f"{headers[name]}, {value}" if name in headers else value
            return Answer(response.status, headers, response.read().decode())


class Frame(NamedTuple):
    """A frame as it came; ``first`` is its first byte with FIN, RSV bits and opcode."""

    first: int
    payload: bytes

    @property
    def close_code(self) -> int:
        """The status code of a Close frame."""
        assert self.first == 0x88, self
        return int.from_bytes(self.payload[:2], "big")

    @property
    def close_reason(self) -> str:
        """The words of a Close frame."""
        return self.payload[2:].decode()


def frame(first: int, payload: bytes = b"", key: bytes | None = b"\x01\x02\x03\x04") -> bytes:
    """The bytes of one frame, masked with ``key`` unless that is None."""
    size, mask = len(payload), 0x80 if key else 0
    if size < 126:
        head = bytes((first, mask | size))
    elif size < 65536:
        head = bytes((first, mask | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, mask | 127)) + size.to_bytes(8, "big")
    if key is None:
        return head + payload
    if not any(key):
        return head + key + payload
    return head + key + bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))


def deflated(data: bytes) -> bytes:
    """A message compressed by itself, as a client without context takeover does it."""
    deflate = zlib.compressobj(wbits=-15)
    return (deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]


def close_frame(code: int | None = 1000, reason: str = "") -> bytes:
    """The bytes of a Close frame from a client."""
    return frame(0x88, b"" if code is None else code.to_bytes(2, "big") + reason.encode())


class RawWebSocket:
    """A WebSocket client of bare bytes, on a connected socket, that answers nothing by itself.

    :param changes: headers of the upgrade request to change, or to leave out where None.
    :param early: bytes that are sent together with the request.
    :param status: the status of the answer that is expected.
    :param patience: seconds to wait for each answer.
    """

    def __init__(
        self,
        sock: socket.socket,
        path: str = "/echo",
        changes: Mapping[str, str | None] | None = None,
        early: bytes = b"",
        status: int = 101,
        patience: float = TIMEOUT,
    ) -> None:
        self.sock = sock
        self._input = b""
        key = base64.b64encode(os.urandom(16)).decode()
        with ExitStack() as on_failure:
            on_failure.callback(sock.close)
            sock.settimeout(patience)
            sock.sendall(request_bytes(path, {"Sec-WebSocket-Key": key, **(changes or {})}) + early)
            self.head = self._read_head()
            assert self.head.startswith(b"HTTP/1.1 %d " % status), self.head
            assert status != 101 or generate_accept_token(key.encode()) in self.head
            on_failure.pop_all()

    def __enter__(self) -> "RawWebSocket":
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def _read_head(self) -> bytes:
        while b"\r\n\r\n" not in self._input:
            data = self.sock.recv(65536)
            assert data, f"the stream ended in the response head {self._input!r}"
            self._input += data
        head, self._input = self._input.split(b"\r\n\r\n", 1)
        return head

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.sock.sendall(data)

    def answer_close(self, code: int, before: bytes = b"") -> None:
        """Answer the Close frame, unless the server has given up waiting for that.

        :param before: is sent before it.
        """
        with suppress(OSError):
            self.send(before + close_frame(code))

    def await_input(self) -> None:
        """Wait until a part of a frame has arrived. It can still be received."""
        if not self._input:
            self._input = self.sock.recv(65536)

    def _read(self, size: int) -> bytes:
        while len(self._input) < size:
            data = self.sock.recv(65536)
            assert data, f"the stream ended in a frame, after {self._input!r}"
            self._input += data
        taken, self._input = self._input[:size], self._input[size:]
        return taken

    def receive(self) -> Frame:
        """Read the next frame."""
        first, second = self._read(2)
        assert second < 128, "a server must not mask (RFC 6455, section 5.1)"
        extended = {126: 2, 127: 8}.get(second, 0)
        size = int.from_bytes(self._read(extended), "big") if extended else second
        return Frame(first, self._read(size))

    def rest(self) -> bytes:
        """Read until the stream ends; a reset is an error."""
        data, self._input = self._input, b""
        while more := self.sock.recv(65536):
            data += more
        return data


def raw(
    server: Server,
    path: str = "/echo",
    changes: Mapping[str, str | None] | None = None,
    early: bytes = b"",
    receive_buffer: int | None = None,
    status: int = 101,
) -> RawWebSocket:
    """Connect a :class:`RawWebSocket` to ``server``, plain or with TLS; see :func:`dial`."""
    return RawWebSocket(dial(server, receive_buffer), path, changes, early, status)
