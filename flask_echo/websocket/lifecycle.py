"""The life of a connection: its state, the thread that owns it, and who ended it."""

from enum import Enum
from threading import Lock, get_ident
from typing import NamedTuple

from wsproto.frame_protocol import CloseReason

from flask_echo.websocket.control import Close
from flask_echo.websocket.endings import Ending


class State(Enum):
    """The state of a connection (RFC 6455, sections 4.1 and 7.1; the same names as in browsers)."""

    CONNECTING = "connecting"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


OPEN = State.OPEN  # A lookup in the enum would be 1 % of a small message.


class FirstClose(NamedTuple):
    """The first Close frame of a connection, as the server saw it.

    :ivar sender: ``client`` or ``server``.
    :ivar code: its status code; 1005 for none.
    """

    sender: str
    code: int


class Lifecycle:
    """The way of one connection from CONNECTING to CLOSED, which has no way back.

    The thread that makes it owns the connection. Any thread may begin to close the connection; the
    first one sets the status code. Only the owner sends the Close frame and goes on to CLOSED.

    :ivar owner: the identifier of the owning thread.
    :ivar state: where the connection is. Only the methods change it.
    :ivar code: the status code that ended the connection; 1005 until then.
    :ivar reason: the reason that came with it, or None.
    :ivar asked: the ending that another thread wants; None without one. The owner carries it out.
    :ivar broken: the ending after a frame that was sent in part; None without one. Nothing can
        follow such a frame.
    :ivar first_close: the Close frame that was sent first, by whichever end; None without one.
    """

    __slots__ = (
        "_transition",
        "asked",
        "broken",
        "code",
        "first_close",
        "owner",
        "reason",
        "state",
    )

    def __init__(self) -> None:
        self.owner = get_ident()
        self.state = State.CONNECTING
        self._transition = Lock()
        self.code: int = CloseReason.NO_STATUS_RCVD
        self.reason: str | None = None
        self.asked: Ending | None = None
        self.broken: Ending | None = None
        self.first_close: FirstClose | None = None

    def is_owner(self) -> bool:
        """Return whether the calling thread owns the connection."""
        return get_ident() == self.owner

    def open(self) -> None:
        """Go from CONNECTING to OPEN, unless another thread has asked for the end already."""
        with self._transition:
            if self.state is State.CONNECTING:
                self.state = OPEN

    def begin_closing(self, how: Ending, asked: bool = False) -> bool:
        """Go from OPEN to CLOSING; return False if another thread was first.

        From here on, no frame but a Close frame is begun.

        :param asked: whether the owner is to carry out ``how``. It may still be sending the 101.
        """
        with self._transition:
            if self.state is not OPEN and not (asked and self.state is State.CONNECTING):
                return False
            self.code, self.reason = how.code, how.reason
            if asked:
                self.asked = how
            self.state = State.CLOSING
            return True

    def break_off(self, how: Ending) -> None:
        """Note that a frame may have been sent in part."""
        self.broken = how
        self.begin_closing(how)

    def close(self) -> None:
        """Go to CLOSED."""
        with self._transition:
            self.state = State.CLOSED

    def note_first_close(self, sender: str, close: Close) -> None:
        """Note a Close frame, unless there was one before."""
        if self.first_close is None:
            self.first_close = FirstClose(sender, close.code)

    def note_last_close(self, close: Close) -> None:
        """Note a Close frame that arrived before the stream broke: it says why."""
        self.note_first_close("client", close)
        self.code, self.reason = close.code, close.reason
