"""A transport that lets a trace see its bytes, and how the stream ended."""

from typing import cast

from flask_echo.traces.frame_log import FrameLog
from flask_echo.websocket.transport import Transport, Woken
from flask_echo.websocket.transport.around import AroundTransport

END_OF_STREAM, RESET = "end of stream", "reset"


class RecordingTransport(AroundTransport):
    """Gives what goes through to the logs of both directions.

    :ivar ended: how the stream ended; None while it has not.
    """

    def __init__(self, transport: Transport, received: FrameLog, sent: FrameLog) -> None:
        super().__init__(transport)
        self._received = received
        self._sent = sent
        self.ended: str | None = None

    def recv(self, size: int, wait: float | None) -> bytes:
        """Also note a reset."""
        try:
            return super().recv(size, wait)
        except (TimeoutError, Woken):
            raise
        except OSError:
            self.ended = self.ended or RESET
            raise

    def on_received(self, data: bytes) -> None:
        """Log input, and note its end."""
        if data:
            self._received.feed(data)
        else:
            self.ended = self.ended or END_OF_STREAM

    def on_sent(self, data: bytes) -> None:
        """Log output."""
        self._sent.feed(data)


def recording(
    transport: Transport, received: FrameLog, sent: FrameLog
) -> tuple[RecordingTransport, Transport]:
    """Put a recording transport around another one. Return it twice, also as a transport."""
    made = RecordingTransport(transport, received, sent)
    return made, cast(Transport, made)
