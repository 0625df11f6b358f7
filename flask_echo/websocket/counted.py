"""A connection that counts the bytes of its frames: headers, masks and control frames included."""

import socket
from typing import cast

from flask_echo.websocket.connection import Connection
from flask_echo.websocket.transport import Transport, open_transport
from flask_echo.websocket.transport.around import AroundTransport


class CountingTransport(AroundTransport):
    """Counts what goes through.

    :ivar received: bytes that were read.
    :ivar sent: bytes that were sent.
    """

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.received = self.sent = 0

    def on_received(self, data: bytes) -> None:
        """Count input."""
        self.received += len(data)

    def on_sent(self, data: bytes) -> None:
        """Count output."""
        self.sent += len(data)


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
