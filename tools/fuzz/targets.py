"""What is fuzzed: one function for each target. It takes any bytes, and raises if a promise breaks.

They need no fuzzer: a unit test plays the corpus on them.
"""

import itertools
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from unittest.mock import patch

from wsproto import ConnectionType
from wsproto.connection import Connection as Protocol
from wsproto.events import BytesMessage, Event, Message
from wsproto.extensions import Extension, PerMessageDeflate
from wsproto.utilities import generate_accept_token

from flask_echo.websocket import frames
from flask_echo.websocket.arriving import PlainMessage
from flask_echo.websocket.budget import Account, Budget
from flask_echo.websocket.control import Close
from flask_echo.websocket.deflate import Deflate
from flask_echo.websocket.extensions import acceptable_offer, parse_offers
from flask_echo.websocket.handshake import check, negotiate
from flask_echo.websocket.headers import environ_key, header
from flask_echo.websocket.incoming import Incoming
from flask_echo.websocket.masking import unmask
from flask_echo.websocket.verdicts import Unacceptable
from tests.support.mended import MendedDeflate

SUBPROTOCOLS = {"chat", "superchat"}
ORIGINS = {"https://example.org", "null"}
LIMIT = 4096  # bytes; small, so that the fuzzer reaches it
# Of some messages the first 64 KiB are free, and all that follows is charged.
LARGE_LIMIT = 100_000
# One step inflates 1 KiB of input, and deflate reaches 1,030 to 1.
ONE_STEP = 1024 * 1031


# -- The opening handshake -----------------------------------------------------------------


def handshake(data: bytes) -> None:
    """A request line and header lines are refused with printable words, or get a 101."""
    environ = _environ(data.decode("latin-1"))
    refusal = check(environ, ORIGINS)
    if refusal is not None:
        assert refusal.status in {400, 403, 405, 426, 431}, refusal
        for text in (refusal.detail, refusal.advice, *refusal.headers.values()):
            assert text.isascii(), text
            assert text.isprintable(), text
        return
    for compression in (False, True):
        _check_101(environ, compression)


def _environ(text: str) -> dict[str, Any]:
    """Make the WSGI environment that gunicorn makes: it strips values and joins repeated ones."""
    first, *lines = text.split("\n")
    method, _, protocol = first.partition(" ")
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "SERVER_PROTOCOL": protocol}
    for line in lines:
        name, _, value = line.partition(":")
        # Of control characters, gunicorn refuses exactly these.
        value = value.strip(" \t").translate({0: None, 10: None, 13: None})
        key = environ_key(name.strip()).removeprefix("HTTP_")
        if key != "CONTENT_LENGTH":
            key = f"HTTP_{key}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ


def _check_101(environ: dict[str, Any], compression: bool) -> None:
    agreement = negotiate(environ, SUBPROTOCOLS, compression)
    first, *lines = agreement.head.decode("ascii").removesuffix("\r\n\r\n").split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines)
    assert first == "HTTP/1.1 101 Switching Protocols"
    key = header(environ, "Sec-WebSocket-Key").strip().encode()
    assert fields["Sec-WebSocket-Accept"].encode() == generate_accept_token(key)
    assert fields.get("Sec-WebSocket-Protocol") == agreement.subprotocol
    assert agreement.subprotocol in {None, *SUBPROTOCOLS}
    assert compression or not agreement.extensions
    for name, value in fields.items():
        assert value.isprintable(), (name, value)


# -- Extensions ----------------------------------------------------------------------------


def extensions(data: bytes) -> None:
    """A header of offers is refused or read; what is agreed on works in both directions."""
    offered, _, payload = data.partition(b"\n")
    text = offered.decode("latin-1")
    try:
        offers = parse_offers(text)
    except ValueError:
        return
    offer = acceptable_offer(text)
    if offer is None:
        return
    assert any(one.name == "permessage-deflate" for one in offers)
    server = MendedDeflate()
    agreed = server.accept(offer)
    assert agreed is not None
    assert agreed is not False
    client = PerMessageDeflate()
    client.finalize(f"{Deflate.name}; {agreed}" if isinstance(agreed, str) else Deflate.name)
    ends = (_protocol([server]), Protocol(ConnectionType.CLIENT, [client]))
    for sender, receiver in (ends, ends[::-1]):
        for _ in range(2):  # The second one uses the context of the first, or must not.
            receiver.receive_data(sender.send(BytesMessage(payload)))
            received = list(receiver.events())
            assert b"".join(event.data for event in received) == payload  # type: ignore[attr-defined]


# -- Frames --------------------------------------------------------------------------------


def frames_(data: bytes) -> None:
    """The fast path, the large frame and wsproto read the same from the same bytes."""
    if not data:
        return
    cut, data = data[0], _scripted(data[1:]) or b"\x82"
    whole = _whole(data)
    if whole is not None:
        message, size, end = whole
        assert size <= LIMIT
        assert end <= len(data)
        assert _by_wsproto(data[:end]) == message
        assert _by_wsproto_of_client(message) == message
    assert _large(data, cut + 1) == (None if whole is None else whole[::2])
    head = data[: frames.header_size(data)]
    if len(head) == frames.header_size(head):
        parsed = frames.parse_header(head)
        assert 0 <= parsed.length < 2**64
        assert parsed.first == data[0]


def _whole(data: bytes) -> tuple[str | bytes, int, int] | None:
    try:
        return frames.whole_message(data, 0, LIMIT)
    except UnicodeDecodeError:
        return None


def _large(data: bytes, step: int) -> tuple[str | bytes, int] | None:
    """Read the first frame in pieces of ``step`` bytes."""
    begun = frames.begin_frame(data, 0, (0x81, 0x82))
    if begun is None or begun[0].length > LIMIT:
        return None
    header, key, at = begun
    message = PlainMessage(header)
    message.begin_frame(header, key)
    end = at + header.length
    if end > len(data):
        return None
    try:
        while True:
            piece = data[at : min(at + step, end)]
            message.add(piece)
            at += len(piece)
            if message.is_whole:
                return message.payload.finish(), at
    except UnicodeDecodeError:
        return None


def _by_wsproto(data: bytes) -> str | bytes:
    protocol = _protocol([])
    protocol.receive_data(data)
    return _joined(list(protocol.events()))


def _by_wsproto_of_client(message: str | bytes) -> str | bytes:
    protocol = Protocol(ConnectionType.CLIENT)
    protocol.receive_data(b"".join(frames.encode(message)))
    return _joined(list(protocol.events()))


def _joined(events: list[Event]) -> str | bytes:
    assert all(isinstance(event, Message) for event in events), events
    assert [event.message_finished for event in events][-1:] == [True], events  # type: ignore[attr-defined]
    kind: str | bytes = b"" if isinstance(events[0], BytesMessage) else ""
    return kind.join(event.data for event in events)  # type: ignore[attr-defined]


# -- Incoming ------------------------------------------------------------------------------


class Options(NamedTuple):
    """What a connection has negotiated, and the longest message in bytes."""

    compression: bool
    limit: int


class Outcome(NamedTuple):
    """What a stream of bytes became: messages and control events, and the code that ended it."""

    items: list[object]
    code: int | None

    def is_like(self, other: "Outcome", compression: bool) -> bool:
        """Compare; of two faults in one compressed frame, its pieces decide which one is found."""
        codes = {self.code, other.code}
        same = len(codes) == 1 or (compression and codes < {1002, 1007, 1009})
        return same and self.items == other.items


@patch("flask_echo.websocket.incoming.pause", lambda: None)  # Nobody else is here to run.
def incoming(data: bytes) -> None:
    """However a stream is cut, the messages are the same, and memory stays bounded."""
    if len(data) < 2:
        return
    options, seed = Options(data[0] & 1 > 0, LARGE_LIMIT if data[0] & 2 else LIMIT), data[1]
    stream = _scripted(data[2:])
    if not stream:
        return
    at_once = _outcome([stream], options)
    steps = itertools.cycle([seed % 7 + 1, seed + 1, 1 + seed // 16])
    # Byte by byte a long stream would take as long as hundreds of others.
    for pieces in (
        _pieces(stream, steps),
        _pieces(stream, itertools.repeat(len(stream) // 300 + 1)),
    ):
        assert _outcome(list(pieces), options).is_like(at_once, options.compression)


def _pieces(stream: bytes, steps: Iterator[int]) -> Iterator[bytes]:
    at = 0
    while at < len(stream):
        step = next(steps)
        yield stream[at : at + step]
        at += step


def _outcome(pieces: list[bytes], options: Options) -> Outcome:
    deflate = _finalized() if options.compression else None
    reader = Incoming(options.limit, Account(Budget(2**30)), deflate)
    items: list[object] = []
    code = None
    try:
        for piece in pieces:
            reader.add(piece)
            while reader.pending:
                item = reader.next()
                if item is None:
                    break
                items.append(item)
                assert not isinstance(item, str | bytes) or len(item) <= options.limit
                if isinstance(item, Close):
                    return Outcome(items, item.code)  # Nothing after it counts.
            assert reader.under_way <= options.limit, reader.under_way
            assert not reader.pending
    except Unacceptable as error:
        code = error.code
    assert reader.under_way <= options.limit + ONE_STEP
    assert code is None or frames.may_be_sent(code), code
    return Outcome(items, code)


def _finalized() -> Deflate:
    deflate = Deflate()
    deflate.accept(Deflate.name)
    return deflate


def _protocol(used: list[Extension]) -> Protocol:
    return Protocol(ConnectionType.SERVER, used)


# -- Bytes that lead further in ------------------------------------------------------------


def _scripted(data: bytes) -> bytes:
    """Return ``data`` as it is, or as the frames that it describes if its first byte is odd.

    A frame is described by its first byte, its length, and its payload. Random bytes are rarely a
    frame with a mask, and never a compressed one.
    """
    if not data or not data[0] & 1:
        return data[1:]
    out = b""
    at = 1
    while at + 2 <= len(data):
        first, length = data[at], data[at + 1]
        payload = data[at + 2 : at + 2 + length]
        at += 2 + length
        if first & 0x10:  # A reserved bit: a long payload.
            payload = (payload or b"x") * (400 if first & 0x20 else 40)
            first &= 0xCF
        if first & frames.RSV1:
            deflate = zlib.compressobj(wbits=-15)
            payload = (deflate.compress(payload) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]
        out += _masked(first, payload)
    return out


def _masked(first: int, payload: bytes) -> bytes:
    key = b"\x0f\x00\xf0\x3c"
    size = len(payload)
    if size < 126:
        head = bytes((first, 0x80 | size))
    elif size < 65536:
        head = bytes((first, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, 0x80 | 127)) + size.to_bytes(8, "big")
    return head + key + unmask(payload, key)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "handshake": handshake,
    "extensions": extensions,
    "frames": frames_,
    "incoming": incoming,
}
