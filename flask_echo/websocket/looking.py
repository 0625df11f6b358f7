"""Looking at what has arrived, for a handler that sends without receiving."""

from time import monotonic

from flask_echo.websocket.endings import GOING_AWAY, LOST, MustEnd
from flask_echo.websocket.incoming import Incoming
from flask_echo.websocket.keepalive import Keepalive
from flask_echo.websocket.kept import KEEP_BYTES, Kept
from flask_echo.websocket.outgoing import Outgoing
from flask_echo.websocket.reading import Reader
from flask_echo.websocket.transport import Deadline, Transport

# A handler that only sends looks this often at what has arrived.
LOOK_SECONDS = 1.0
# If the kernel has no room for a pong, the next look comes after this time.
_RETRY_SECONDS = 0.1
# A peer that never pauses does not keep the handler for longer.
_LONGEST_LOOK_SECONDS = 0.01


class Lookout:
    """Takes what has arrived, and does not wait for more. Only the owner may use it.

    :param reader: reads it.
    :param incoming: makes messages of it.
    :param outgoing: answers control frames.
    :param kept: gets the messages.
    :ivar next_at: when the next look is due, on the monotonic clock in seconds. Any thread may set
        it to 0.
    """

    __slots__ = (
        "_incoming",
        "_keepalive",
        "_kept",
        "_outgoing",
        "_reader",
        "_transport",
        "next_at",
    )

    def __init__(
        self,
        transport: Transport,
        reader: Reader,
        incoming: Incoming,
        outgoing: Outgoing,
        keepalive: Keepalive,
        kept: Kept,
    ) -> None:
        self._transport = transport
        self._reader = reader
        self._incoming = incoming
        self._outgoing = outgoing
        self._keepalive = keepalive
        self._kept = kept
        self.next_at = 0.0

    def look(self, now: float) -> None:
        """Take what has arrived.

        When the kept messages fill :data:`KEEP_BYTES`, nothing more is read: TCP holds the peer
        back, and only the drain is noticed.

        :param now: the time, on the monotonic clock in seconds.
        :raises MustEnd: if the stream or a limit of time is over, or the server is going away.
        :raises Unacceptable: if the input violates the protocol or the limit.
        """
        # A pong would wait for a peer that does not read.
        can_send = self._can_send()
        self.next_at = now + (LOOK_SECONDS if can_send else _RETRY_SECONDS)
        if self._transport.woken and (self._kept.is_full or not can_send):
            raise MustEnd(GOING_AWAY)
        self._reader.heed_limits(now)
        if not can_send:
            return
        self._keepalive.start(now)
        at_once = Deadline(0)
        while monotonic() - now < _LONGEST_LOOK_SECONDS:
            self._keep_pending()
            if self._kept.is_full or not self._reader.read(at_once):
                return

    def _can_send(self) -> bool:
        try:
            return self._transport.can_send()
        except OSError:
            raise MustEnd(LOST) from None

    def _keep_pending(self) -> None:
        while self._incoming.pending and not self._kept.is_full:
            item = self._incoming.next(KEEP_BYTES)
            if isinstance(item, str | bytes):
                self._kept.add(item)
            elif item is not None:
                self._outgoing.answer(item)
