"""Outgoing messages and control frames: memory, compression, and the order on the wire.

A fault is an exception. If a frame may have been sent in part, the lifecycle knows it by then. The
connection decides what else follows.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import get_ident

from flask_echo.websocket import frames
from flask_echo.websocket.budget import WAIT_SECONDS, Account
from flask_echo.websocket.control import Close, Control, Ping
from flask_echo.websocket.deflate import ALONE_BYTES, Deflate
from flask_echo.websocket.endings import GOING_AWAY, LOST, STUCK, Ending, MustEnd
from flask_echo.websocket.frames import Message
from flask_echo.websocket.lifecycle import OPEN, Lifecycle
from flask_echo.websocket.transport import Deadline, SendTimeout, Transport
from flask_echo.websocket.turns import Turns

# Only the last ping needs a pong (RFC 6455, section 5.5.3), and we send one ping at a time.
_MOST_CONTROLS = 2


class Closed(Exception):
    """The connection was closed before the turn to send came."""


class Outgoing:
    """What one connection sends, but for the Close frame.

    A thread takes a turn before it sends: a frame cannot start within another. Any thread may
    encode.

    :param transport: takes the frames.
    :param lifecycle: of the connection.
    :param deflate: the negotiated compression, or None.
    :param account: is charged for replies that the peer has not taken.
    :ivar turns: the lock of the threads that send.
    :ivar controls: control frames that wait for a thread that is sending.
    :ivar messages: how many messages were sent. Whoever sends one counts it.
    :ivar bytes: how many bytes of payload they have, before compression.
    """

    __slots__ = (
        "_account",
        "_deflate",
        "_in_turn",
        "_lifecycle",
        "_transport",
        "bytes",
        "controls",
        "messages",
        "turns",
    )

    def __init__(
        self,
        transport: Transport,
        lifecycle: Lifecycle,
        deflate: Deflate | None,
        account: Account,
    ) -> None:
        self._transport = transport
        self._lifecycle = lifecycle
        self._deflate = deflate
        self._account = account
        self.turns = Turns()
        self._in_turn = 0  # The thread within :meth:`turn`, which may call an iterable of parts.
        self.controls: list[bytes] = []
        self.messages = 0
        self.bytes = 0

    # -- Memory ----------------------------------------------------------------------------------

    def encode(
        self, data: Message, compressed: bool, deadline: Deadline | None
    ) -> tuple[bytes, bytes, int]:
        """Hold memory for a large message, then encode it. A thread that waits for memory has no
        payload yet.

        :param compressed: whether a compressed form of it will be in memory, too.
        :return: the header, the payload, and how many bytes are held; see :meth:`discharge`.
        :raises OverBudget: if there is no memory left, also not before the deadline.
        """
        wait = WAIT_SECONDS if deadline is None else min(WAIT_SECONDS, deadline.left())
        most = frames.most_payload_bytes(data)
        forms = 2 if compressed else 1
        cost = most * forms
        if isinstance(data, bytes):
            cost -= min(most, self._account.delivered)  # An echo of bytes is the message itself.
        self._account.add_reply(cost, wait)
        try:
            header, payload = frames.encode(data)
        except BaseException:
            self.discharge(cost)
            raise
        spare = (most - len(payload)) * forms
        if spare:
            self.discharge(spare)
        return header, payload, cost - spare

    def discharge(self, cost: int) -> None:
        """Give back ``cost`` bytes, which :meth:`encode` holds."""
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
            if self._lifecycle.state is not OPEN:
                continue  # Nothing follows a Close frame (section 5.5.1).
            if deadline is None:
                self._transport.send(control)
            else:
                self._transport.send_by(control, deadline)

    # -- Taking turns ----------------------------------------------------------------------------

    def await_turn(self, deadline: Deadline | None) -> None:
        """Take the turn, when no other thread sends any more.

        :raises RuntimeError: if this thread has the turn already. It would wait for ever.
        :raises Closed: if the connection closes meanwhile.
        :raises MustEnd: in the owning thread, if the server is going away meanwhile.
        :raises SendTimeout: if ``deadline`` comes first.
        """
        if self._in_turn == get_ident():
            raise RuntimeError("the parts of a message must not send on the same connection")
        lifecycle, transport = self._lifecycle, self._transport
        is_owner = lifecycle.is_owner()
        if self.turns.wait(
            deadline, lambda: lifecycle.state is not OPEN or (is_owner and transport.woken)
        ):
            return
        if lifecycle.state is OPEN and is_owner and transport.woken:
            raise MustEnd(GOING_AWAY)
        if lifecycle.state is not OPEN:
            raise Closed
        self.break_off(SendTimeout())
        raise SendTimeout

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Give up the turn at the end. A frame that was sent in part ends the connection."""
        self._in_turn = get_ident()
        try:
            yield
        except Closed:
            raise
        except BaseException as error:
            self.break_off(error)
            raise
        finally:
            self._in_turn = 0
            self.turns.release()

    def break_off(self, error: BaseException) -> None:
        """Note that a frame may have been sent in part: nothing can follow it."""
        self._lifecycle.break_off(STUCK if isinstance(error, SendTimeout) else LOST)
        if not self._lifecycle.is_owner():
            self._transport.cut()  # The owner may wait in a read. This wakes it.

    # -- Control frames --------------------------------------------------------------------------

    def answer(self, control: Control) -> None:
        """Answer what the peer has sent. Only the owner may.

        :raises MustEnd: for a Close frame, whose answer is the end, and if the answer cannot be
            sent.
        """
        if isinstance(control, Ping):  # RFC 6455, section 5.5.2.
            self.send_control(control.pong())
        elif isinstance(control, Close):
            self._lifecycle.note_first_close("client", control)
            raise MustEnd(Ending(control.code, control.reason, control))

    def send_control(self, data: bytes) -> None:
        """Send a control frame. If another thread is sending, leave the frame to it: it sends the
        frame when its message is done. Only the owner may.

        So the owner never waits here for a slow message.

        :raises MustEnd: if the frame cannot be sent.
        """
        self.controls.append(data)
        del self.controls[:-_MOST_CONTROLS]
        try:
            self.send_controls()
        except (SendTimeout, OSError):
            assert self._lifecycle.broken is not None
            raise MustEnd(self._lifecycle.broken) from None

    def send_controls(self) -> None:
        """Send the control frames that wait. A thread that gives up its turn calls this, so no
        frame is left behind.

        :raises SendTimeout: if the peer has stopped reading.
        :raises OSError: if the connection is broken.
        """
        while self.controls and self.turns.try_acquire():
            with self.turn():
                self.flush_controls(None)

    # -- The end ---------------------------------------------------------------------------------

    def finish(self, seconds: float) -> None:
        """Drop the compressor, after the stream has ended.

        :param seconds: to wait for a thread that is sending. It notices the end, and leaves.
        """
        if self.turns.acquire(Deadline(seconds)):
            if self._deflate is not None:
                self._deflate.drop_deflater()
            self.turns.release()
