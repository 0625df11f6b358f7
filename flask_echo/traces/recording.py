"""A transport that lets a trace see its bytes, and how the stream ended."""

from typing import Any, cast

from flask_echo.traces.frame_log import FrameLog
from flask_echo.websocket.transport import Deadline, Transport, Woken

END_OF_STREAM, RESET = "end of stream", "reset"


class RecordingTransport:
    """Passes everything on to another transport, and notes what goes through.

    :param transport: the other one.
    :ivar ended: how the stream ended; None while it has not.
    """

    def __init__(self, transport: Transport, received: FrameLog, sent: FrameLog) -> None:
        self._transport = transport
        self._received = received
        self._sent = sent
        self.ended: str | None = None

    def recv(self, size: int, wait: float | None) -> bytes:
        try:
            data = self._transport.recv(size, wait)
        except (TimeoutError, Woken):
            raise
        except OSError:
            self.ended = self.ended or RESET
            raise
        if data:
            self._received.feed(data)
        else:
            self.ended = self.ended or END_OF_STREAM
        return data

    def send(self, data: bytes) -> None:
        self._transport.send(data)
        self._sent.feed(data)

    def send_by(self, data: bytes, deadline: Deadline) -> None:
        self._transport.send_by(data, deadline)
        self._sent.feed(data)

    def send_frame(self, header: bytes, payload: bytes) -> None:
        self._transport.send_frame(header, payload)
        self._note_frame(header, payload)

    def send_frame_by(self, header: bytes, payload: bytes, deadline: Deadline) -> None:
        self._transport.send_frame_by(header, payload, deadline)
        self._note_frame(header, payload)

    def _note_frame(self, header: bytes, payload: bytes) -> None:
        self._sent.feed(header)
        self._sent.feed(payload)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def recording(
    transport: Transport, received: FrameLog, sent: FrameLog
) -> tuple[RecordingTransport, Transport]:
    """Put a recording transport around another one. Return it twice, also as a transport."""
    made = RecordingTransport(transport, received, sent)
    return made, cast(Transport, made)
