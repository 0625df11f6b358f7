"""A watch that counts the bytes of a connection: headers, masks and control frames included."""

from typing import cast

from flask_echo.websocket.observers import Watch
from flask_echo.websocket.transport import Transport
from flask_echo.websocket.transport.around import AroundTransport


class ByteCount(Watch):
    """Counts the bytes of both directions, as the socket of one connection sees them.

    :ivar received: bytes of frames that were read. The request and what came with it are not in it.
    :ivar sent: bytes that were sent: the 101 and all frames.
    """

    def __init__(self) -> None:
        self.received = self.sent = 0

    def transport(self, transport: Transport) -> Transport:
        """Put a counting transport around the usual one."""
        return cast(Transport, _CountingTransport(transport, self))


class _CountingTransport(AroundTransport):
    """Counts what goes through."""

    def __init__(self, transport: Transport, count: ByteCount) -> None:
        super().__init__(transport)
        self._count = count

    def on_received(self, data: bytes) -> None:
        """Count input."""
        self._count.received += len(data)

    def on_sent(self, data: bytes) -> None:
        """Count output."""
        self._count.sent += len(data)
