"""A TCP proxy that does to WebSockets what bad proxies, firewalls and networks do.

It stands between a browser, or any other client, and one or more servers::

    with Proxy(server.port, faults=Faults(idle_seconds=2)) as proxy:
        page.open(url=proxy.url)

What is done to headers is done to every request; everything else only to connections that have
become WebSockets, so a page loads unharmed. Each connection has a thread of its own and carries
one request.
"""

import re
import socket
import struct
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from math import ceil, inf
from select import select
from threading import Thread
from time import monotonic, sleep
from typing import Literal

Headers = Mapping[str, str | None]

HOP_BY_HOP: Headers = {"Connection": None, "Upgrade": None}
NO_EXTENSIONS: Headers = {"Sec-WebSocket-Extensions": None}
# Tables for Faults.spoil. No UTF-8 has a byte 0xFF, so the first leaves text as it is.
NO_BYTE_255 = bytes.maketrans(b"\xff", b"\xfe")
SEVEN_BITS = bytes(byte & 0x7F for byte in range(256))

TIMEOUT = 10  # seconds, for what takes no time on one machine
WINDOW = 256 * 1024  # bytes that one direction holds before it stops reading
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, with no time to linger


@dataclass(frozen=True)
class Faults:
    """What goes wrong on the way. Without arguments nothing does.

    :param request: request headers to set, or to drop where None.
    :param response: the same for the head of the response.
    :param strip: a prefix that is taken off the path; the server has no other path then.
    :param http_version: what the request is turned into.
    :param reset: reset a connection when it comes, when it asks for a WebSocket, or when it has
        got its 101.
    :param latency_up: seconds that each byte from the client is late; throughput stays.
    :param latency_down: the same for what the server sends, the 101 included.
    :param bytes_per_second: the bandwidth of each direction.
    :param clump_seconds: hold what the server sends, and let it go at intervals of this length.
    :param clump_bytes: hold what the server sends until there is this much.
    :param idle_seconds: cut a connection after this long without a byte in either direction.
    :param message_limit: cut a connection instead of passing on a larger message, in bytes.
    :param cut: how a connection is cut.
    :param spoil: a table for ``bytes.translate`` that the payload of the server's messages goes
        through; drop the extensions too, or else it is compressed bytes that are spoiled.
    :param swallow_close: end the stream where the server's Close frame was.
    :param close_code: what the server's Close frame says instead.
    """

    request: Headers = field(default_factory=dict)
    response: Headers = field(default_factory=dict)
    strip: str = ""
    http_version: str = "HTTP/1.1"
    reset: Literal["never", "connected", "requested", "upgraded"] = "never"
    latency_up: float = 0
    latency_down: float = 0
    bytes_per_second: float = inf
    clump_seconds: float = 0
    clump_bytes: int = 0
    idle_seconds: float = inf
    message_limit: float = inf
    cut: Literal["fin", "rst"] = "fin"
    spoil: bytes | None = None
    swallow_close: bool = False
    close_code: int | None = None


class Proxy:
    """A proxy on a free port of 127.0.0.1, until the context is left.

    :param upstreams: ports of 127.0.0.1; connections are spread over them in turn.
    :param faults: may be assigned anew at any time, for the connections that come then.
    """

    def __init__(self, *upstreams: int, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self._upstreams = cycle(upstreams)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self.ws_url = f"ws://127.0.0.1:{self.port}"
        self._stopping = False
        self._acceptor = Thread(target=self._accept, name="proxy")
        self._connections: list[_Connection] = []  # only the acceptor adds to it

    def __enter__(self) -> "Proxy":
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Cut all connections and wait for their threads."""
        self._stopping = True
        socket.create_connection(("127.0.0.1", self.port), TIMEOUT).close()  # wakes the acceptor
        self._acceptor.join()
        self._listener.close()
        for connection in self._connections:
            connection.abort()
        for connection in self._connections:
            connection.join(TIMEOUT)
        assert self.connections == 0, "the proxy left something behind"

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return sum(connection.is_alive() for connection in self._connections)

    def _accept(self) -> None:
        while True:
            client = self._listener.accept()[0]
            if self._stopping:
                client.close()
                return
            connection = _Connection(client, next(self._upstreams), self.faults)
            self._connections.append(connection)
            connection.start()


class _Cut(Exception):
    """The connection is to be cut, in the way its faults say."""


class _Reset(Exception):
    """The connection is to be reset."""


class _Connection(Thread):
    """A client's connection and the one to the server, carried by one thread.

    Only :meth:`abort` may be called by another thread.
    """

    def __init__(self, client: socket.socket, port: int, faults: Faults) -> None:
        super().__init__(name="proxied connection", daemon=True)
        self._sockets = [client]
        self._port = port
        self._faults = faults
        self._aborted = False

    def abort(self) -> None:
        """Make the thread end soon."""
        self._aborted = True
        for sock in list(self._sockets):
            with suppress(OSError):  # its peer has gone
                sock.shutdown(socket.SHUT_RDWR)

    def run(self) -> None:
        try:
            self._serve()
        except _Cut:
            if self._faults.cut == "fin":
                self._hang_up()
            else:
                self._reset()
        except (_Reset, OSError):  # a reset by one peer is passed on to the other
            self._reset()
        finally:
            for sock in self._sockets:
                sock.close()

    def _serve(self) -> None:
        client, faults = self._sockets[0], self._faults
        if faults.reset == "connected":
            raise _Reset
        request, early = _read_head(client)
        if not request:  # browsers open connections that they may need later
            return
        if b"\r\nsec-websocket-key:" in request.lower():
            if faults.reset == "requested":
                raise _Reset
            sleep(faults.latency_up)
        server = self._connect()
        server.sendall(_edited_request(request, faults))
        response, rest = _read_head(server)
        if not response:
            return
        response = _edited(response, faults.response)
        upgraded = response.startswith(b"HTTP/1.1 101 ")
        if upgraded and faults.reset == "upgraded":
            client.sendall(response)
            raise _Reset
        harm = faults if upgraded else Faults()
        up = _Flow(client, server, _upward(harm), early)
        down = _Flow(server, client, harm, rest, response)
        self._relay(up, down, harm.idle_seconds)

    def _connect(self) -> socket.socket:
        server = socket.create_connection(("127.0.0.1", self._port), TIMEOUT)
        self._sockets.append(server)
        if self._aborted:  # perhaps too early for this socket
            raise _Reset
        return server

    def _relay(self, up: "_Flow", down: "_Flow", idle_seconds: float) -> None:
        flows = (up, down)
        for sock in self._sockets:
            sock.setblocking(False)
        last_byte = monotonic()
        while not self._aborted and not all(flow.done for flow in flows):
            now = monotonic()
            if now - last_byte >= idle_seconds:
                raise _Cut
            sources = {flow.source: flow for flow in flows if flow.has_room()}
            sinks = {flow.sink: flow for flow in flows if flow.next_due() <= now}
            events = (last_byte + idle_seconds, *(flow.next_due() for flow in flows))
            wait = min(1, *(moment - now for moment in events if moment > now))
            readable, writable, _ = select(list(sources), list(sinks), [], wait)
            for sock in readable:
                sources[sock].read()
                last_byte = monotonic()
            for sock in writable:
                sinks[sock].write()
            for flow in flows:
                flow.pass_on_the_end()

    def _reset(self) -> None:
        for sock in self._sockets:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)

    def _hang_up(self) -> None:
        """Send a FIN to both, and read what they still say: closing earlier would be a reset."""
        with suppress(OSError):  # one has gone, or does not take the hint
            for sock in self._sockets:
                sock.settimeout(TIMEOUT)
                sock.shutdown(socket.SHUT_WR)
            for sock in self._sockets:
                while sock.recv(65536):
                    pass


class _Flow:
    """One direction of a connection: what has been read, and when it may go on.

    :param start: what has been read after the head already.
    :param head: a head of HTTP, which goes first and can only be late.
    """

    def __init__(
        self,
        source: socket.socket,
        sink: socket.socket,
        faults: Faults,
        start: bytes = b"",
        head: bytes = b"",
    ) -> None:
        self.source = source
        self.sink = sink
        self._faults = faults
        self._frames = _Frames(faults) if _looks_at_frames(faults) else None
        self._born = self._line_free = monotonic()
        self._queue: deque[tuple[float, memoryview]] = deque()
        self._queued = 0  # bytes
        self._clump = b""  # not queued yet
        self._ended = self.done = False
        if head:
            self._queue.append((self._born + faults.latency_down, memoryview(head)))
            self._queued = len(head)
        if start:
            self._take(start)

    def has_room(self) -> bool:
        return not self._ended and self._queued < WINDOW

    def next_due(self) -> float:
        """The moment when the next bytes may go."""
        return self._queue[0][0] if self._queue else inf

    def pass_on_the_end(self) -> None:
        """End the sink's stream once the source's has ended and all of it has gone."""
        if self._ended and not self._queue and not self.done:
            self.sink.shutdown(socket.SHUT_WR)
            self.done = True

    def read(self) -> None:
        # A twentieth of a second's worth at a time makes a narrow line steady.
        size = min(65536, max(256, self._faults.bytes_per_second / 20))
        self._take(self.source.recv(int(size)))

    def write(self) -> None:
        due, data = self._queue.popleft()
        sent = self.sink.send(data)
        self._queued -= sent
        if sent < len(data):
            self._queue.appendleft((due, data[sent:]))

    def _take(self, data: bytes) -> None:
        self._ended = not data
        if self._frames and data:
            data = self._frames.feed(data)
            self._ended = self._frames.ended
        self._clump += data
        if self._clump and (self._ended or len(self._clump) >= self._faults.clump_bytes):
            self._queue.append((self._due(len(self._clump)), memoryview(self._clump)))
            self._queued += len(self._clump)
            self._clump = b""

    def _due(self, size: int) -> float:
        faults = self._faults
        self._line_free = max(self._line_free, monotonic()) + size / faults.bytes_per_second
        due = self._line_free + faults.latency_down
        if faults.clump_seconds:
            intervals = ceil((due - self._born) / faults.clump_seconds)
            due = self._born + intervals * faults.clump_seconds
        return due


class _Frames:
    """Cuts a stream into whole frames, and does to each what the faults say."""

    def __init__(self, faults: Faults) -> None:
        self.ended = False
        self._faults = faults
        self._input = bytearray()
        self._message_bytes = 0

    def feed(self, data: bytes) -> bytes:
        """Take what was read, return what is to be passed on."""
        self._input += data
        return b"".join(self._edited(*frame) for frame in self._whole_frames())

    def _whole_frames(self) -> Iterator[tuple[bytes, bytes]]:
        """The head and the payload of each frame (RFC 6455, section 5.2)."""
        while len(self._input) >= 2 and not self.ended:
            masked, size = divmod(self._input[1], 128)
            extended = {126: 2, 127: 8}.get(size, 0)
            start = 2 + extended
            if extended:
                size = int.from_bytes(self._input[2:start], "big")
            start += 4 * masked
            if len(self._input) < start + size:
                return
            frame = bytes(self._input[: start + size])
            del self._input[: start + size]
            yield frame[:start], frame[start:]

    def _edited(self, head: bytes, payload: bytes) -> bytes:
        faults, opcode = self._faults, head[0] & 0x0F
        if opcode == 0x8 and faults.swallow_close:
            self.ended = True
            return b""
        if opcode == 0x8 and faults.close_code is not None:
            payload = faults.close_code.to_bytes(2, "big") + payload[2:]
            head = bytes((head[0], len(payload)))
        if opcode < 0x8:
            # A continuation frame (opcode 0) adds to the message that it continues.
            self._message_bytes = len(payload) + (0 if opcode else self._message_bytes)
            if self._message_bytes > faults.message_limit:
                raise _Cut
            payload = payload.translate(faults.spoil)
        return head + payload


def _looks_at_frames(faults: Faults) -> bool:
    return (
        faults.message_limit < inf
        or faults.spoil is not None
        or faults.swallow_close
        or faults.close_code is not None
    )


def _upward(faults: Faults) -> Faults:
    """What happens on the way to the server, said as if it were the way to the client."""
    return Faults(
        latency_down=faults.latency_up,
        bytes_per_second=faults.bytes_per_second,
        message_limit=faults.message_limit,
    )


def _read_head(sock: socket.socket) -> tuple[bytes, bytes]:
    """Read a head of HTTP; return it and what came with it, or nothing at the stream's end."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            return b"", b""
        data += more
    end = data.index(b"\r\n\r\n") + 4
    return data[:end], data[end:]


def _edited_request(head: bytes, faults: Faults) -> bytes:
    line, rest = head.split(b"\r\n", 1)
    method, target, _ = line.split(b" ", 2)
    target = _stripped(target, faults.strip.encode())
    line = b" ".join((method, target, faults.http_version.encode()))
    head = _edited(line + b"\r\n" + rest, faults.request)
    if b"\r\nupgrade:" not in head.lower():
        head = _edited(head, {"Connection": "close"})  # one request on each connection
    return head


def _stripped(target: bytes, prefix: bytes) -> bytes:
    if not prefix:
        return target
    if not re.match(re.escape(prefix) + rb"(?:[/?]|$)", target):
        return b"/outside" + target
    rest = target.removeprefix(prefix)
    return rest if rest.startswith(b"/") else b"/" + rest


def _edited(head: bytes, changes: Headers) -> bytes:
    """Return a head with some headers set, or dropped where None."""
    first, *headers = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    changed = {name.lower() for name in changes}
    kept = [line for line in headers if line.split(":")[0].lower() not in changed]
    added = [f"{name}: {value}" for name, value in changes.items() if value is not None]
    return "\r\n".join([first, *kept, *added, "", ""]).encode("latin-1")
