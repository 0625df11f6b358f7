"""Control frames: Close, ping and pong (RFC 6455, section 5.5)."""

from collections.abc import Callable
from typing import NamedTuple

from wsproto.frame_protocol import CloseReason

from flask_echo.websocket import frames
from flask_echo.websocket.masking import unmask
from flask_echo.websocket.verdicts import Unacceptable

_MAX_PAYLOAD_BYTES = 125
# First bytes of control frames, which are never in fragments.
_FINAL_CLOSE = frames.FIN | frames.CLOSE
_FINAL_PING = frames.FIN | frames.PING
_FINAL_PONG = frames.FIN | frames.PONG

# A ping without payload.
PING = frames.header(_FINAL_PING, 0)

# Codes that mean something here and are never in a frame (section 7.4.1).
_LOCAL_CODES = (
    CloseReason.NO_STATUS_RCVD,
    CloseReason.ABNORMAL_CLOSURE,
    CloseReason.TLS_HANDSHAKE_FAILED,
)


class Close(NamedTuple):
    """A Close frame.

    :ivar code: the status code; 1005 for none.
    :ivar reason: the reason, or None.
    """

    code: int
    reason: str | None = None

    @classmethod
    def parse(cls, payload: bytes) -> "Close":
        """Parse an unmasked payload (section 5.5.1). The reasons of the verdicts are wsproto's.

        :raises Unacceptable: if the payload has one byte, a code that must not be sent, or a
            reason that is not UTF-8.
        """
        if not payload:
            return cls(CloseReason.NO_STATUS_RCVD, "")
        if len(payload) == 1:
            raise Unacceptable(CloseReason.PROTOCOL_ERROR, "CLOSE with 1 byte payload")
        code = int.from_bytes(payload[:2])
        if not frames.may_be_sent(code):
            raise Unacceptable(CloseReason.PROTOCOL_ERROR, _why_not(code))
        try:
            return cls(code, payload[2:].decode())
        except UnicodeDecodeError as error:
            reason = f"Error decoding CLOSE reason: {error}"
            raise Unacceptable(CloseReason.INVALID_FRAME_PAYLOAD_DATA, reason) from None

    def frame(self) -> bytes:
        """Return the frame to send. A reason that is too long is cut."""
        payload = b""
        if self.code != CloseReason.NO_STATUS_RCVD:
            payload = self.code.to_bytes(2) + _cut((self.reason or "").encode())
        return frames.header(_FINAL_CLOSE, len(payload)) + payload


class Ping(NamedTuple):
    """A ping.

    :ivar payload: unmasked.
    """

    payload: bytes

    def pong(self) -> bytes:
        """Return the frame that answers it (section 5.5.3)."""
        return frames.header(_FINAL_PONG, len(self.payload)) + self.payload


class Pong(NamedTuple):
    """A pong.

    :ivar payload: unmasked.
    """

    payload: bytes


Control = Close | Ping | Pong

_MAKERS: dict[int, Callable[[bytes], Control]] = {
    _FINAL_CLOSE: Close.parse,
    _FINAL_PING: Ping,
    _FINAL_PONG: Pong,
}


def whole_control(data: bytes, start: int) -> tuple[Control, int] | None:
    """Parse one good control frame.

    :param start: the index in ``data`` where the frame starts; at least one byte is there.
    :return: what it is, and the index of the next frame; None if this is another frame, or is
        incomplete, or wsproto has to judge its header.
    :raises Unacceptable: as :meth:`Close.parse` does.
    """
    first = data[start]
    if first not in _MAKERS or len(data) - start < 6:
        return None
    size = data[start + 1] - frames.MASK
    body = start + 6
    end = body + size
    if not 0 <= size <= _MAX_PAYLOAD_BYTES or end > len(data):
        return None
    payload = unmask(data[body:end], data[body - 4 : body])
    return _MAKERS[first](payload), end


def may_become_control(head: bytes) -> bool:
    """Return whether this may be the beginning of a good control frame."""
    if head[0] not in _MAKERS:
        return False
    return len(head) < 2 or frames.MASK <= head[1] <= frames.MASK + _MAX_PAYLOAD_BYTES


def _why_not(code: int) -> str:
    """Return wsproto's words for a code that must not be sent."""
    if not 1000 <= code <= 4999:
        return "CLOSE with invalid code"
    if code in _LOCAL_CODES:
        return "remote CLOSE with local-only reason"
    return "CLOSE with unknown reserved code"


def _cut(reason: bytes) -> bytes:
    """Cut a reason at a character."""
    if len(reason) <= frames.MAX_REASON_BYTES:
        return reason
    return reason[: frames.MAX_REASON_BYTES].decode(errors="ignore").encode()
