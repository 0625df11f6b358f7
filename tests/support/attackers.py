"""What a stranger can do to the service. Each attack is bounded in connections, bytes and time.

An attack is a function of a target and of the seconds that it lasts. It takes whatever the server
does to it: refusals, resets and silence are no errors here.
"""

import selectors
import socket
import ssl
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from time import monotonic, sleep

from tests.support.clients import frame, request_bytes

ATTACKER = "127.0.0.66"
CONNECT_SECONDS = 5.0  # for a connection, or for the answers to a batch of requests
# Connections whose requests are on their way before the first answer is read.
BATCH = 50
MIB = 2**20
# The longest message by default. The attacks reach for it, or just stay below.
LIMIT = MIB
DEFLATE = {"Sec-WebSocket-Extensions": "permessage-deflate"}


@dataclass(frozen=True)
class Target:
    """A server on this machine, and the address from which it is attacked.

    :ivar tls: the context with which clients connect; None without TLS.
    """

    port: int
    source: str = ATTACKER
    tls: ssl.SSLContext | None = None


Attack = Callable[[Target, float], None]


# -- Connections ---------------------------------------------------------------------------


def connect(target: Target, receive_buffer: int | None = None) -> socket.socket:
    """Open a TCP connection; a small buffer fills soon if nobody reads."""
    sock = socket.socket()
    try:
        sock.settimeout(CONNECT_SECONDS)
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.bind((target.source, 0))
        sock.connect(("127.0.0.1", target.port))
        return target.tls.wrap_socket(sock) if target.tls else sock
    except OSError:
        sock.close()
        raise


@contextmanager
def connections(
    target: Target, count: int, first_bytes: bytes = b"", receive_buffer: int | None = None
) -> Iterator[list[socket.socket]]:
    """Open up to ``count`` connections that send ``first_bytes``; stop at the first refusal."""
    socks: list[socket.socket] = []
    try:
        with suppress(OSError):
            for _ in range(count):
                socks.append(connect(target, receive_buffer))
                socks[-1].sendall(first_bytes)
        yield socks
    finally:
        for sock in socks:
            sock.close()


@contextmanager
def websockets(
    target: Target,
    count: int,
    path: str = "/echo",
    compress: bool = False,
    receive_buffer: int | None = None,
) -> Iterator[list[socket.socket]]:
    """Open up to ``count`` WebSockets, and yield those that the server accepted."""
    request = request_bytes(path, DEFLATE if compress else None)
    accepted: list[socket.socket] = []
    until = monotonic() + 2 * CONNECT_SECONDS
    try:
        for begun in range(0, count, BATCH):
            if monotonic() > until:
                break
            batch = min(BATCH, count - begun)
            accepted += _accepted(_asking(target, batch, request, receive_buffer))
        yield accepted
    finally:
        for sock in accepted:
            sock.close()


def _asking(
    target: Target, count: int, request: bytes, receive_buffer: int | None
) -> list[socket.socket]:
    """Open connections, and send a request on each; stop at the first that is not accepted."""
    socks: list[socket.socket] = []
    with suppress(OSError):
        for _ in range(count):
            socks.append(connect(target, receive_buffer))
            socks[-1].sendall(request)
    return socks


def _accepted(socks: Iterable[socket.socket]) -> Iterator[socket.socket]:
    """Yield those whose answer is 101; all have the same time for it."""
    until = monotonic() + CONNECT_SECONDS
    for sock in socks:
        head = b""
        with suppress(OSError):
            sock.settimeout(max(0.001, until - monotonic()))
            head = sock.recv(12)  # The rest may stay in the kernel's buffer.
        if head == b"HTTP/1.1 101":
            sock.setblocking(False)
            yield sock
        else:
            sock.close()


def hold(until: float) -> None:
    """Keep everything as it is until then."""
    sleep(max(0.0, until - monotonic()))


def push(socks: Iterable[socket.socket], data: bytes, until: float) -> None:
    """Send ``data`` on every connection as far as the server takes it, and read nothing."""
    with selectors.DefaultSelector() as selector:
        for sock in socks:
            sock.setblocking(False)
            selector.register(sock, selectors.EVENT_WRITE, memoryview(data))
        while selector.get_map() and monotonic() < until:
            for key, _ in selector.select(0.1):
                assert isinstance(key.fileobj, socket.socket)
                left = _send_some(key.fileobj, key.data)
                if left:
                    selector.modify(key.fileobj, selectors.EVENT_WRITE, left)
                else:
                    selector.unregister(key.fileobj)


def _send_some(sock: socket.socket, data: memoryview) -> memoryview | None:
    """Return what is left to send; nothing if the connection is lost."""
    try:
        return data[sock.send(data[:65536]) :]
    except BlockingIOError:
        return data
    except OSError:
        return None


# -- 1: memory -----------------------------------------------------------------------------


@cache
def _raw_deflated(data: bytes, final: bool = False) -> bytes:
    deflate = zlib.compressobj(9, wbits=-15)
    body = deflate.compress(data)
    if final:  # BFINAL, and the byte that a message then needs (RFC 7692, section 7.2.3.4).
        return body + deflate.flush() + b"\x00"
    return (body + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]


def deaf_bombs(count: int, size: int) -> Attack:
    """Make clients that send compressed NULs to the greeter, and do not read its longer reply."""
    message = frame(0xC1, _raw_deflated(bytes(size)))

    def attack(target: Target, seconds: float) -> None:
        until = monotonic() + seconds
        with websockets(target, count, "/WS.ashx", True, 4096) as socks:
            push(socks, message * 4, until)
            hold(until)

    return attack


def unfinished(count: int, message: bytes, compress: bool = False) -> Attack:
    """Make clients that send most of a message, and then nothing."""

    def attack(target: Target, seconds: float) -> None:
        until = monotonic() + seconds
        with websockets(target, count, compress=compress) as socks:
            push(socks, message, until)
            hold(until)

    return attack


def compressed_fragments(count: int) -> Attack:
    """Make clients that hold a fragment: few bytes on the wire, almost the limit when inflated."""
    return unfinished(count, frame(0x41, _raw_deflated(bytes(LIMIT - 1))), compress=True)


def emoji(count: int) -> Attack:
    """Make clients whose text takes four bytes for each character in Python."""
    text = ("😀" + "x" * 1020).encode() * (LIMIT // 1024)
    return unfinished(count, _fast_frame(0x81, text)[:-1])


def big_messages(count: int) -> Attack:
    """Make clients that send all of a large message but its last byte."""
    return unfinished(count, _fast_frame(0x82, bytes(LIMIT))[:-1])


def _fast_frame(first: int, payload: bytes) -> bytes:
    """A frame whose mask is zero, which changes nothing."""
    return bytes((first, 0xFF)) + len(payload).to_bytes(8, "big") + bytes(4) + payload


# -- 2: the log ----------------------------------------------------------------------------


def come_and_go(count: int) -> Attack:
    """Make clients that connect and leave at once; the server logs a line for each."""

    def attack(target: Target, seconds: float) -> None:
        until = monotonic() + seconds
        left = count
        while left > 0 and monotonic() < until:
            with websockets(target, BATCH):
                left -= BATCH
        hold(until)

    return attack


# -- 3: work -------------------------------------------------------------------------------


def long_offers(count: int) -> Attack:
    """Make upgrade requests with 720 KB of extensions, in as many fields as gunicorn allows."""
    line = b"Sec-WebSocket-Extensions: " + b"a;b;c=1, " * 888 + b"d\r\n"
    request = request_bytes()[:-2] + line * 90 + b"\r\n"

    def attack(target: Target, seconds: float) -> None:
        until = monotonic() + seconds
        with connections(target, count) as socks:
            push(socks, request, until)
            hold(until)

    return attack


def inflating(count: int) -> Attack:
    """Make clients that send small messages which inflate to the limit, as fast as they can."""
    message = frame(0xC2, _raw_deflated(bytes(LIMIT)))
    return _flood(count, message)


def last_blocks(count: int) -> Attack:
    """Make clients whose compressed messages end with a block that is marked as the last."""
    return _flood(count, frame(0xC2, _raw_deflated(bytes(1000), final=True)))


def _flood(count: int, message: bytes) -> Attack:
    """Send the next message when something has arrived for the last one; come again if lost."""

    def attack(target: Target, seconds: float) -> None:
        until = monotonic() + seconds
        while monotonic() < until:
            with websockets(target, count, compress=True) as socks:
                push(socks, message, until)
                for sock in _readable(socks, until):
                    _send_some(sock, memoryview(message))
            sleep(0.05)  # One that is refused at once would spin.

    return attack


def _readable(socks: Iterable[socket.socket], until: float) -> Iterator[socket.socket]:
    """Read what arrives, and yield the connections where something did; drop lost ones."""
    with selectors.DefaultSelector() as selector:
        for sock in socks:
            selector.register(sock, selectors.EVENT_READ)
        while selector.get_map() and (left := until - monotonic()) > 0:
            for key, _ in selector.select(min(left, 0.1)):
                assert isinstance(key.fileobj, socket.socket)
                data = b""
                with suppress(OSError):
                    data = key.fileobj.recv(65536)
                if data:
                    yield key.fileobj
                else:
                    selector.unregister(key.fileobj)


# -- 5: seats and connections --------------------------------------------------------------


def pongs(count: int) -> Attack:
    """Make clients that only answer pings."""

    def attack(target: Target, seconds: float) -> None:
        until = monotonic() + seconds
        with websockets(target, count) as socks:
            for sock in _readable(socks, until):
                _send_some(sock, memoryview(frame(0x8A)))

    return attack


def silent(count: int, first_bytes: bytes = b"") -> Attack:
    """Make TCP connections that send a few bytes, or none."""

    def attack(target: Target, seconds: float) -> None:
        until = monotonic() + seconds
        with connections(target, count, first_bytes):
            hold(until)

    return attack


def half_headers(count: int) -> Attack:
    """Make requests whose header does not end."""
    return silent(count, b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Half: ")


def dripping_headers(count: int) -> Attack:
    """Make requests of 720 KB whose header goes on with single bytes."""
    start = b"GET / HTTP/1.1\r\nHost: localhost\r\n" + (b"X-Long: " + b"x" * 7990 + b"\r\n") * 90

    def attack(target: Target, seconds: float) -> None:
        until = monotonic() + seconds
        with connections(target, count) as socks:
            push(socks, start + b"X-Drip: ", until)
            while monotonic() < until:
                for sock in socks:
                    _send_some(sock, memoryview(b"x"))
                sleep(0.01)

    return attack


def resets(count: int) -> Attack:
    """Make WebSockets that end with a reset in the middle of a message."""

    def attack(target: Target, seconds: float) -> None:
        until = monotonic() + seconds
        left = count
        while left > 0 and monotonic() < until:
            with websockets(target, BATCH) as socks:
                push(socks, frame(0x01, b"part"), until)
                for sock in socks:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            left -= BATCH

    return attack


def slow_readers(count: int) -> Attack:
    """Make clients that send much and read a little at a time."""
    message = _fast_frame(0x82, bytes(LIMIT))

    def attack(target: Target, seconds: float) -> None:
        until = monotonic() + seconds
        with websockets(target, count, receive_buffer=4096) as socks:
            push(socks, message * 2, monotonic() + seconds / 2)
            while monotonic() < until:
                for sock in socks:
                    with suppress(OSError):
                        sock.recv(1024)
                sleep(0.05)

    return attack


def bad_handshakes(count: int) -> Attack:
    """Make requests that are refused, each for another reason."""
    changes: list[dict[str, str | None]] = [
        {"Upgrade": None},
        {"Sec-WebSocket-Version": "8"},
        {"Sec-WebSocket-Key": "short"},
        {"Sec-WebSocket-Extensions": "="},
        {"Content-Length": "5"},
    ]

    def attack(target: Target, seconds: float) -> None:
        until = monotonic() + seconds
        for number in range(count):
            if monotonic() > until:
                return
            request = request_bytes(changes=changes[number % len(changes)])
            with connections(target, 1, request) as socks, suppress(OSError):
                for sock in socks:
                    sock.recv(4096)

    return attack


def in_turn(*attacks: Attack) -> Attack:
    """Make one attack of several, each for its share of the time."""

    def attack(target: Target, seconds: float) -> None:
        for one in attacks:
            one(target, seconds / len(attacks))

    return attack
