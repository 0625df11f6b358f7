"""Outgoing messages and control frames: memory, compression, and the order on the wire.

This module does not know how a connection ends. A fault is an exception, and the connection decides
what follows from it.
"""

from collections.abc import Iterable

from flask_echo.websocket import frames
from flask_echo.websocket.budget import WAIT_SECONDS, Account
from flask_echo.websocket.deflate import ALONE_BYTES, Deflate
from flask_echo.websocket.frames import Message
from flask_echo.websocket.transport import Deadline, Transport
from flask_echo.websocket.turns import Turns

# Only the last ping needs a pong (RFC 6455, section 5.5.3), and we send one ping at a time.
_MOST_CONTROLS = 2


class Outgoing:
    """What one connection sends, but for the Close frame.

    A thread takes a turn before it sends: a frame cannot start within another. Any thread may
    charge, and add a control frame.

    :param transport: takes the frames.
    :param deflate: the negotiated compression, or None.
    :param account: is charged for replies that the peer has not taken.
    :ivar turns: the lock of the threads that send.
    :ivar controls: control frames that wait for a thread that is sending.
    :ivar closing: whether no frame but a Close frame may be begun.
    :ivar messages: how many messages were sent. Whoever sends one counts it.
    :ivar bytes: how many bytes of payload they have, before compression.
    """

    __slots__ = (
        "_account",
        "_deflate",
        "_transport",
        "bytes",
        "closing",
        "controls",
        "messages",
        "turns",
    )

    def __init__(self, transport: Transport, deflate: Deflate | None, account: Account) -> None:
        self._transport = transport
        self._deflate = deflate
        self._account = account
        self.turns = Turns()
        self.controls: list[bytes] = []
        self.closing = False
        self.messages = 0
        self.bytes = 0

    # -- Memory ----------------------------------------------------------------------------------

    def charge(
        self, payload: bytes, data: Message, compressed: bool, deadline: Deadline | None
    ) -> int:
        """Hold memory for a reply, and return how much; see :meth:`discharge`.

        :param data: the message whose payload this is.
        :param compressed: whether a compressed form of it will be in memory, too.
        :raises OverBudget: if there is no memory left, also not before the deadline.
        """
        # An echo of bytes is the message itself.
        cost = (
            len(payload) if payload is not data else max(0, len(payload) - self._account.delivered)
        )
        if compressed:
            cost += len(payload)
        wait = WAIT_SECONDS if deadline is None else min(WAIT_SECONDS, deadline.left())
        self._account.add_reply(cost, wait)
        return cost

    def discharge(self, cost: int) -> None:
        """Give back what :meth:`charge` has returned."""
        self._account.add_reply(-cost)

    # -- With the turn ---------------------------------------------------------------------------

    def compress(self, header: bytes, payload: bytes) -> tuple[bytes, bytes]:
        """Return the header and payload of the compressed message (RFC 7692, section 7.2.1)."""
        assert self._deflate is not None
        if len(payload) < ALONE_BYTES:
            deflated = self._deflate.compress_whole(payload)
        else:
            with self._account.budget.large_work():
                deflated = self._deflate.compress_whole(payload)
        return frames.header(header[0] | frames.RSV1, len(deflated)), deflated

    def send_frame(self, header: bytes, payload: bytes, deadline: Deadline | None) -> None:
        """Send one frame; see :meth:`Transport.send_frame` and :meth:`Transport.send_frame_by`."""
        if deadline is None:
            self._transport.send_frame(header, payload)
        else:
            self._transport.send_frame_by(header, payload, deadline)

    def send_fragments(
        self, parts: Iterable[str | bytes], compressed: bool, deadline: Deadline | None
    ) -> tuple[int, int]:
        """Send the frames of one message, and control frames between them (RFC 6455, section 5.4).

        The last frame is empty, because only then is it known that no other part comes.

        :return: the first byte of the first frame, and how many bytes of payload were sent, before
            compression.
        """
        deflate = self._deflate if compressed else None
        first, size = None, 0
        for part in parts:
            opcode = 0
            if first is None:
                first = opcode = frames.first_byte(part, compressed)
            payload = part.encode() if isinstance(part, str) else part
            size += len(payload)
            if deflate is not None:
                payload = deflate.compress(payload, is_final=False)
            self.send_frame(frames.header(opcode, len(payload)), payload, deadline)
            self.flush_controls(deadline)
        rest = deflate.compress(b"") if deflate is not None else b""
        opcode = 0
        if first is None:
            first = opcode = frames.first_byte("", compressed)
        self.send_frame(frames.header(frames.FIN | opcode, len(rest)), rest, deadline)
        self.flush_controls(deadline)
        return first, size

    def flush_controls(self, deadline: Deadline | None) -> None:
        """Send the control frames that wait."""
        while self.controls:
            control = self.controls.pop(0)
            if self.closing:
                continue  # Nothing follows a Close frame (section 5.5.1).
            if deadline is None:
                self._transport.send(control)
            else:
                self._transport.send_by(control, deadline)

    # -- Without the turn ------------------------------------------------------------------------

    def add_control(self, data: bytes) -> None:
        """Add a control frame. A thread that has the turn sends it when its message is done."""
        self.controls.append(data)
        del self.controls[:-_MOST_CONTROLS]

    def finish(self, seconds: float) -> None:
        """Drop the compressor, after the stream has ended.

        :param seconds: to wait for a thread that is sending. It notices the end, and leaves.
        """
        if self.turns.acquire(Deadline(seconds)):
            if self._deflate is not None:
                self._deflate.drop_deflater()
            self.turns.release()
