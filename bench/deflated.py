"""Compressed messages (permessage-deflate, RFC 7692) for the load generator.

The client's frame is compressed once, beforehand, by a fresh deflater. So it refers to nothing
before it, and the same bytes can be sent again and again, whatever the server keeps of earlier
messages. A browser's deflater goes on from message to message: its frames are smaller, and take as
long to inflate.

A reply may refer to the replies before it, so the same message comes back as different bytes. But
all of these replies were the same message. So each reply is inflated with a window that is full of
it, and must yield it. Replies that have been seen are known to be right, and only compared: servers
come back to the same few, so inflating takes nothing of the measured time.
"""

import json
import math
import random
import socket
import statistics
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

from bench.exchange import Exchange, Peer
from bench.load import READ_BYTES, STUCK_SECONDS, Target
from bench.wire import MASK, RSV1, TEXT, Message, WrongAnswer, frame

# As browsers offer it (Chromium, Firefox and WebKit).
OFFER = "permessage-deflate; client_max_window_bits"
# The smallest window that one of the servers grants its clients: websockets asks for it.
_CLIENT_WINDOW_BITS = 12
_WINDOW_BYTES = 32 * 1024
# RFC 7692 section 7.2.1: the sender takes this off, the receiver puts it back.
_TAIL = b"\x00\x00\xff\xff"
# More replies are not kept: what comes after them is inflated each time.
_MOST_KNOWN = 1_000


@dataclass(frozen=True)
class DeflatedMessage(Message):
    """A message that the client sends compressed; the echo must be compressed, too.

    `reply` is one right echo, for the servers that know no protocol.
    """

    _known: set[bytes] = field(default_factory=set, compare=False, repr=False)

    @classmethod
    def containing(cls, payload: bytes, opcode: int = TEXT) -> Self:
        """Make a message of `payload`, which `frame` and `reply` contain in compressed form."""
        deflater = zlib.compressobj(wbits=-_CLIENT_WINDOW_BITS)
        deflated = deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH)
        deflated = deflated.removesuffix(_TAIL)
        first = opcode | RSV1
        return cls(payload, opcode, frame(first, deflated, MASK), frame(first, deflated))

    def is_echo(self, received: bytes) -> bool:
        """Return whether `received` is a whole compressed echo; see `Message.is_echo`."""
        if received in self._known:
            return True
        if received[0] != 0x80 | RSV1 | self.opcode:
            raise WrongAnswer(f"not a compressed message: {received[:16]!r}...")
        start, end = payload_bounds(received)
        if len(received) < end or not end:
            return False
        self._check(received[start:end])
        if len(received) > end:
            raise WrongAnswer("more than the echo")
        if len(self._known) < _MOST_KNOWN:
            self._known.add(received)
        return True

    def reply_bytes(self) -> float:
        """Return how many bytes a reply has on the wire: the median of those seen."""
        return statistics.median(map(len, self._known)) if self._known else math.nan

    def _check(self, deflated: bytes) -> None:
        window = (self.payload * (_WINDOW_BYTES // len(self.payload) + 1))[-_WINDOW_BYTES:]
        inflater = zlib.decompressobj(wbits=-15, zdict=window)
        try:
            inflated = inflater.decompress(deflated + _TAIL, len(self.payload) + 1)
        except zlib.error as error:
            raise WrongAnswer(f"cannot be inflated: {error}") from None
        if inflated != self.payload:
            raise WrongAnswer("not the echo")


def payload_bounds(received: bytes | bytearray) -> tuple[int, int]:
    """Return where the payload of a server's first frame begins and ends (RFC 6455 section 5.2).

    Both are 0 if the header is incomplete.
    """
    size = received[1] if len(received) > 1 else 0
    start, format_ = {126: (4, "!H"), 127: (10, "!Q")}.get(size, (2, "!B"))
    if len(received) < start:
        return 0, 0
    (length,) = struct.unpack(format_, received[2 if start > 2 else 1 : start])
    return start, start + length


def agreed_extension(target: Target) -> str:
    """Return what the server answers to the offer; nothing if it declines."""
    with socket.create_connection((target.host, target.port), timeout=STUCK_SECONDS) as sock:
        sock.sendall(target.request)
        head = b""
        while b"\r\n\r\n" not in head and (data := sock.recv(READ_BYTES)):
            head += data
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "sec-websocket-extensions":
            return value.strip()
    return ""


class DeflatedExchange(Exchange):
    """An `Exchange` of a compressed message: its replies need not be the same bytes each time."""

    def __init__(
        self,
        sockets: Iterable[socket.socket],
        message: DeflatedMessage,
        *,
        window: int = 1,
        spin: bool = True,
    ) -> None:
        super().__init__(sockets, message, window=window, spin=spin)
        self._message = message
        self._reply = None
        self._read_bytes = READ_BYTES
        # The beginning of a reply, by the descriptor of its connection.
        self._begun: dict[int, bytes] = {}

    def _count(self, peer: Peer, data: bytes) -> int:
        """Check what was read; return how many replies it completes."""
        received = self._begun.pop(peer.fd, b"") + data
        answered = 0
        while received:
            end = payload_bounds(received)[1]
            if not end or len(received) < end:
                self._begun[peer.fd] = received
                break
            self._message.is_echo(received[:end])
            received = received[end:]
            answered += 1
        return answered


_NAMES = ("Ada", "Barbara", "Donald", "Edsger", "Frances", "Grace", "Ken", "Margaret", "Radia")
_WORDS = (
    "please", "call", "before", "delivery", "the", "customer", "asked", "for", "an", "invoice",
    "by", "mail", "second", "attempt", "left", "at", "door", "returned", "damaged", "box",
    "fragile", "express", "gift", "wrap", "note", "thanks",
)  # fmt: skip


def json_text(size: int) -> bytes:
    """Return `size` bytes of JSON as web applications send it: orders, the same each time.

    Names and words repeat, numbers do not: it deflates to about a quarter, as JSON commonly does.
    """
    chance = random.Random(size)
    text = "["
    while len(text) < size:
        text += json.dumps(_order(chance), separators=(",", ":")) + ","
    return text[:size].encode("ascii")


def _order(chance: random.Random) -> dict[str, Any]:
    name = chance.choice(_NAMES)
    return {
        "id": chance.randrange(10**9),
        "at": f"2026-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}"
        f"T{chance.randrange(24):02}:{chance.randrange(60):02}:{chance.randrange(60):02}Z",
        "customer": {
            "name": name,
            "email": f"{name.lower()}{chance.randrange(1000)}@example.org",
            "active": chance.random() < 0.8,
        },
        "status": chance.choice(("new", "paid", "sent", "returned")),
        "total": round(chance.uniform(1, 500), 2),
        "items": [
            {
                "sku": f"{chance.randrange(16**6):06x}",
                "count": chance.randrange(1, 9),
                "price": round(chance.uniform(1, 99), 2),
            }
            for _ in range(chance.randrange(1, 4))
        ],
        "note": " ".join(chance.choices(_WORDS, k=chance.randrange(12))),
    }
