"""Verdicts: why input fails the connection (RFC 6455, section 7.1.7)."""

from collections.abc import Iterator
from contextlib import contextmanager

from wsproto.frame_protocol import CloseReason

from flask_echo.websocket.budget import OverBudget


class Unacceptable(Exception):
    """The input fails the connection.

    :ivar code: the status code to close with.
    :ivar reason: the reason for the Close frame.
    """

    def __init__(self, code: int, reason: str | None) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


@contextmanager
def unless_over_budget() -> Iterator[None]:
    """Fail the connection if there is no memory for its message."""
    try:
        yield
    except OverBudget as error:
        raise Unacceptable(CloseReason.TRY_AGAIN_LATER, str(error)) from None


def not_utf8(error: UnicodeDecodeError) -> Unacceptable:
    """Return the verdict on a text that is not UTF-8 (section 8.1)."""
    return Unacceptable(CloseReason.INVALID_FRAME_PAYLOAD_DATA, str(error))


def too_big(limit: int) -> Unacceptable:
    """Return the verdict on a message of more than ``limit`` bytes."""
    return Unacceptable(CloseReason.MESSAGE_TOO_BIG, f"message longer than {limit} bytes")
