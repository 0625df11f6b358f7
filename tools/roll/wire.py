"""What passes between HAProxy and the machines, seen on the bridge: the truth about replies.

Neither the clients nor the service can say which messages reached a machine before its Close
frame. The network can: the kernel hands each packet to a packet socket, in order, with its time.
"""

import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tools.roll.fleet import PORT
from tools.roll.flows import Flows
from tools.roll.network import BRIDGE

# A socket for one protocol sees no packets that leave (packet(7)): it must be for all of them.
_ALL, _IPV4 = 0x0003, 0x0800
_SOL_PACKET, _PACKET_STATISTICS = 263, 6
_SO_TIMESTAMPNS, _SO_RCVBUFFORCE = 35, 33
_BUFFER_BYTES = 64 * 2**20
_PACKET_BYTES = 2**17
_TURN_SECONDS = 0.2


@contextmanager
def watching() -> Iterator[Flows]:
    """Watch the bridge until the context is left.

    :raises RuntimeError: if a packet was not seen: nothing can be said then.
    """
    wire = _Wire()
    wire.start()
    try:
        yield wire.flows
    finally:
        wire.stop()


class _Wire:
    """A packet socket, and the thread that reads it."""

    def __init__(self) -> None:
        self.flows = Flows(PORT)
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.bind((BRIDGE, _ALL))
        self._stops = False
        self._error: ValueError | None = None
        self._thread = threading.Thread(target=self._watch)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stops = True
        self._thread.join()
        dropped = self._dropped()
        self._socket.close()
        if self._error or dropped:
            raise RuntimeError(f"{dropped} packets were dropped") from self._error

    def _read(self) -> None:
        packet, extra, _, sender = self._socket.recvmsg(_PACKET_BYTES, 64)
        seconds, nanoseconds = struct.unpack("qq", extra[0][2])
        if sender[1] == _IPV4:
            self.flows.take(packet, seconds + nanoseconds / 1e9)

    def _dropped(self) -> int:
        got = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
        return int(struct.unpack("II", got)[1])

    def _watch(self) -> None:
        try:
            while not self._stops:
                if select.select([self._socket], [], [], _TURN_SECONDS)[0]:
                    self._read()
        except ValueError as error:
            self._error = error
