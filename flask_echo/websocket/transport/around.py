"""A transport around another one, which sees all bytes that go through."""

from typing import Any

from flask_echo.websocket.transport.base import Deadline, Transport


class AroundTransport:
    """Passes everything on to another transport. A subclass looks at what goes through.

    It has the interface of :class:`Transport` without being one: it has no socket of its own.

    :param transport: the other one.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def on_received(self, data: bytes) -> None:
        """The other transport has read this; nothing at the end of the stream."""

    def on_sent(self, data: bytes) -> None:
        """The other transport has sent this. Of a frame that failed halfway, nothing is told."""

    def recv(self, size: int, wait: float | None) -> bytes:
        """See :meth:`Transport.recv`."""
        data = self._transport.recv(size, wait)
        self.on_received(data)
        return data

    def send(self, data: bytes) -> None:
        """See :meth:`Transport.send`."""
        self._transport.send(data)
        self.on_sent(data)

    def send_by(self, data: bytes, deadline: Deadline) -> None:
        """See :meth:`Transport.send_by`."""
        self._transport.send_by(data, deadline)
        self.on_sent(data)

    def send_frame(self, header: bytes, payload: bytes) -> None:
        """See :meth:`Transport.send_frame`."""
        self._transport.send_frame(header, payload)
        self.on_sent(header)
        self.on_sent(payload)

    def send_frame_by(self, header: bytes, payload: bytes, deadline: Deadline) -> None:
        """See :meth:`Transport.send_frame_by`."""
        self._transport.send_frame_by(header, payload, deadline)
        self.on_sent(header)
        self.on_sent(payload)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
