"""A connection that counts the bytes of its frames: headers, masks and control frames included."""

import socket
from typing import Any, cast

from flask_echo.websocket.connection import Connection
from flask_echo.websocket.transport import Deadline, Transport, open_transport


class CountingTransport:
    """Passes everything on to another transport, and counts what goes through.

    :param transport: the other one.
    :ivar received: bytes that were read.
    :ivar sent: bytes that were sent, without those of a frame that failed halfway.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.received = self.sent = 0

    def recv(self, size: int, wait: float | None) -> bytes:
        data = self._transport.recv(size, wait)
        self.received += len(data)
        return data

    def send(self, data: bytes) -> None:
        self._transport.send(data)
        self.sent += len(data)

    def send_by(self, data: bytes, deadline: Deadline) -> None:
        self._transport.send_by(data, deadline)
        self.sent += len(data)

    def send_frame(self, header: bytes, payload: bytes) -> None:
        self._transport.send_frame(header, payload)
        self.sent += len(header) + len(payload)

    def send_frame_by(self, header: bytes, payload: bytes, deadline: Deadline) -> None:
        self._transport.send_frame_by(header, payload, deadline)
        self.sent += len(header) + len(payload)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def _open_counting(sock: socket.socket, send_timeout: float, wake_grace: float) -> Transport:
    return cast(Transport, CountingTransport(open_transport(sock, send_timeout, wake_grace)))


class CountedConnection(Connection):
    """A connection that counts the bytes of both directions, as its socket sees them."""

    open_transport = staticmethod(_open_counting)

    @property
    def wire_received_bytes(self) -> int:
        """The bytes of frames that were read. The request and what came with it are not in it."""
        return cast(CountingTransport, self._transport).received

    @property
    def wire_sent_bytes(self) -> int:
        """The bytes that were sent: the 101 and all frames."""
        return cast(CountingTransport, self._transport).sent
