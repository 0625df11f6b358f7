"""TCP segments put together: which messages of a WebSocket had no reply when it ended."""

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

_FIN, _SYN, _RST = 1, 2, 4
_TEXT, _CLOSE = 1, 8

# A message that the network saw less than this before the Close frame may have crossed it: the
# worker may lose its turn between its last look at the socket and the Close frame.
CROSSING_SECONDS = 0.02


class Missed(NamedTuple):
    """The end of a connection whose last messages had no reply.

    :ivar closed: whether a Close frame ended it; else it was cut.
    """

    host: str
    closed: bool
    messages: list[str]


@dataclass
class _Stream:
    """One direction of a connection, put together from its segments."""

    next: int | None = None
    data: bytearray = field(default_factory=bytearray)
    head: bytes = b""  # of the handshake, once all of it is there

    def add(self, number: int, payload: bytes) -> None:
        """Take a segment.

        :raises ValueError: if bytes before it are missing.
        """
        if self.next is None:
            self.next = number
        skip = (self.next - number) & 0xFFFFFFFF
        if skip >= 1 << 31:
            raise ValueError("a packet is missing")
        if skip < len(payload):
            self.data += payload[skip:]
            self.next = (number + len(payload)) & 0xFFFFFFFF

    def opens(self) -> bool:
        """Return whether the header of the handshake is there. Take it out first."""
        if not self.head:
            head, found, rest = bytes(self.data).partition(b"\r\n\r\n")
            if found:
                self.head, self.data = head, bytearray(rest)
        return bool(self.head)

    def frames(self) -> Iterator[tuple[int, bytes]]:
        """Take out the opcode and payload of each whole frame (RFC 6455, section 5.2)."""
        while (parsed := _frame(bytes(self.data))) is not None:
            opcode, payload, size = parsed
            del self.data[:size]
            yield opcode, payload


def _frame(data: bytes) -> tuple[int, bytes, int] | None:
    """Parse a frame of up to 65,535 bytes; None if there is no whole one."""
    if len(data) < 2:
        return None
    length, start = data[1] & 0x7F, 2
    if length == 126:
        length, start = int.from_bytes(data[2:4], "big"), 4
    mask = b""
    if data[1] & 0x80:
        mask, start = data[start : start + 4], start + 4
    payload = data[start : start + length]
    if len(payload) < length:
        return None
    if mask:
        payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    return data[0] & 0xF, payload, start + length


@dataclass
class _Flow:
    """One connection of HAProxy to a machine.

    :ivar due: the messages without a reply, and when the bridge saw each.
    """

    host: str
    up: _Stream = field(default_factory=_Stream)
    down: _Stream = field(default_factory=_Stream)
    due: dict[str, float] = field(default_factory=dict)

    def is_websocket(self) -> bool:
        """Return whether the 101 is there; before it, no side sends a frame."""
        opened = self.up.opens() and self.down.opens()
        return opened and self.down.head.startswith(b"HTTP/1.1 101 ")

    def look(self, when: float) -> Missed | None:
        """Look at the frames that are new. Return what is missing at the machine's Close frame."""
        if not self.is_websocket():
            return None
        for opcode, payload in self.up.frames():
            if opcode == _TEXT:
                self.due[payload.decode()] = when
        for opcode, payload in self.down.frames():
            if opcode == _TEXT:
                self.due.pop(payload.decode(), None)
            elif opcode == _CLOSE:
                return self.missed(when - CROSSING_SECONDS, closed=True)
        return None

    def missed(self, until: float, closed: bool) -> Missed:
        """Return the messages without a reply that the bridge saw until then."""
        late = [text for text, when in self.due.items() if when <= until]
        return Missed(self.host, closed, late)


class Flows:
    """All connections to the machines.

    :ivar missed: each end of a connection that had messages without a reply.
    :ivar closed: how many connections a machine ended with its Close frame.
    :ivar cut: how many a machine ended without one.
    """

    def __init__(self, port: int) -> None:
        self.missed: list[Missed] = []
        self.closed = self.cut = 0
        self._port = port
        self._flows: dict[tuple[str, int], _Flow] = {}

    def take(self, packet: bytes, when: float) -> None:
        """Take an IPv4 packet (RFC 791) with a TCP segment (RFC 9293).

        :param when: in seconds.
        :raises ValueError: if a packet before it is missing.
        """
        if packet[9] != socket.IPPROTO_TCP:
            return
        segment = packet[4 * (packet[0] & 0xF) : int.from_bytes(packet[2:4], "big")]
        source, target, number = struct.unpack("!HHI", segment[:8])
        flags, payload = segment[13], segment[4 * (segment[12] >> 4) :]
        if target == self._port:
            key, is_up = (socket.inet_ntoa(packet[16:20]), source), True
        elif source == self._port:
            key, is_up = (socket.inet_ntoa(packet[12:16]), target), False
        else:
            return
        if flags & _SYN and is_up:
            self._flows[key] = _Flow(key[0])
        if (flow := self._flows.get(key)) is None:
            return
        stream = flow.up if is_up else flow.down
        stream.add((number + 1) & 0xFFFFFFFF if flags & _SYN else number, payload)
        end = flow.look(when)
        if end is None and flags & (_FIN | _RST):
            end = flow.missed(when, closed=False)
            # Nobody waits for a reply if the client is gone, and HAProxy ends the connection.
            end = None if is_up else end
            del self._flows[key]
        elif end is not None:
            del self._flows[key]
        if end is not None and flow.is_websocket():
            self._count(end)

    def _count(self, end: Missed) -> None:
        self.closed += end.closed
        self.cut += not end.closed
        if end.messages:
            self.missed.append(end)
