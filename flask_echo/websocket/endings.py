"""How a connection can end: the status code, the reason, and the Close frame for it."""

from typing import NamedTuple

from wsproto.frame_protocol import CloseReason

from flask_echo.websocket.control import Close


class Ending(NamedTuple):
    """How a connection ends.

    :ivar code: the status code for the handler and the log.
    :ivar reason: the reason for the handler and the log.
    :ivar close: the Close frame to send; None if the stream cannot carry it any more.
    :ivar await_close: whether to wait for the peer's Close frame.
    """

    code: int
    reason: str | None = None
    close: Close | None = None
    await_close: bool = False


def ending(code: int, reason: str | None = None, await_close: bool = False) -> Ending:
    """Return the ending that sends a Close frame with ``code`` and ``reason``."""
    return Ending(code, reason, Close(code, reason), await_close)


class MustEnd(Exception):
    """The connection must end. Its owner catches this, and carries out the end.

    :ivar how: how it must end.
    """

    def __init__(self, how: Ending) -> None:
        super().__init__(how)
        self.how = how


# The stream broke, or ended without a Close frame (RFC 6455, section 7.1.5).
LOST = Ending(CloseReason.ABNORMAL_CLOSURE)
# The owner has reset the connection.
ABORTED = Ending(CloseReason.ABNORMAL_CLOSURE, "reset")
# Nothing more gets through to this peer, not even a Close frame.
STUCK = Ending(CloseReason.ABNORMAL_CLOSURE, "peer has stopped reading")

GOING_AWAY = ending(CloseReason.GOING_AWAY, "going away", await_close=True)
TOO_OLD = ending(CloseReason.GOING_AWAY, "maximum lifetime reached", await_close=True)
TOO_SLOW = ending(CloseReason.POLICY_VIOLATION, "a large message arrives too slowly")
# The peer has not answered a ping. simple-websocket uses this reason, with the same code.
SILENT = ending(CloseReason.POLICY_VIOLATION, "Ping/Pong timeout")


def idle_for(seconds: float) -> Ending:
    """Return the ending of a connection without a message for ``seconds``."""
    reason = f"no message for {seconds:g} seconds"
    return ending(CloseReason.GOING_AWAY, reason, await_close=True)


def checked_reason(reason: str | None) -> str | None:
    """Return a handler's reason for a Close frame as text.

    :raises ValueError: if UTF-8 cannot encode it. So the caller of ``close`` learns of it, and not
        the thread that sends the frame.
    """
    if reason is None:
        return None
    try:
        str(reason).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"the reason of a Close frame must be UTF-8: {error}") from None
    return str(reason)
