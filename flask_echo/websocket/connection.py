"""A WebSocket connection that is driven by the thread of its own request.

There is no second thread. :meth:`Connection.receive` reads the socket when the handler asks for a
message, and only the owning thread reads. The kernel's socket buffer is the queue, so TCP holds
back a peer that sends faster than the handler receives. Other threads may send and close.

This module is what the handler calls. :mod:`reading` waits for bytes, :mod:`incoming` turns them
into messages, :mod:`outgoing` puts frames in order on the wire, and :mod:`lifecycle` knows who
ended the connection. They raise :class:`MustEnd` when it must end, and the connection carries out
the end (RFC 6455).
"""

import socket
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from threading import get_ident
from time import monotonic
from typing import Any, NoReturn

from simple_websocket import ConnectionClosed, Server
from wsproto.frame_protocol import CloseReason

from flask_echo.websocket import frames
from flask_echo.websocket.budget import UNCOUNTED_LENGTH, Account, Budget, OverBudget
from flask_echo.websocket.closing import ClosingHandshake
from flask_echo.websocket.endings import LOST, Ending, MustEnd, checked_reason, ending
from flask_echo.websocket.frames import Message, may_be_sent
from flask_echo.websocket.handshake import negotiate
from flask_echo.websocket.incoming import Incoming
from flask_echo.websocket.keepalive import Keepalive
from flask_echo.websocket.kept import Kept
from flask_echo.websocket.lifecycle import OPEN, FirstClose, Lifecycle, State
from flask_echo.websocket.limits import Limits
from flask_echo.websocket.looking import Lookout
from flask_echo.websocket.message_count import MessageCount
from flask_echo.websocket.observers import Watch, safely
from flask_echo.websocket.outgoing import Closed, Outgoing
from flask_echo.websocket.pace import Pace
from flask_echo.websocket.reading import Reader
from flask_echo.websocket.transport import Deadline, SendTimeout, open_transport
from flask_echo.websocket.verdicts import Unacceptable

# After a shutdown of the socket, a thread that was sending leaves within this time.
_LEAVE_SECONDS = 1.0

_MESSAGE = (str, bytes)
_BINARY = frames.BINARY

_UNLIMITED = sys.maxsize


class Connection(Server):
    """The server's end of one WebSocket, from the upgrade to the end of the stream.

    To its callers it is a :class:`simple_websocket.Server`. The thread that makes it owns it: only
    that thread may call :meth:`receive`. Any thread may call :meth:`send`, :meth:`close` and
    :meth:`wake`, and read the attributes.

    :param sock: the socket of the request. Its creator closes it, after the handler.
    :param environ: the WSGI environment of a request that :func:`handshake.check` found good.
    :param limits: limits and time-outs.
    :param early: bytes that the HTTP server has read beyond the request.
    :param subprotocols: those that the handler speaks.
    :param account: is charged for the memory of large messages; by default without limit.
    :param watches: learn of this connection.
    :ivar environ: as above.
    :ivar subprotocol: the negotiated subprotocol, or None.
    :ivar extensions: the negotiated extensions, with their parameters.
    :ivar head: the 101 response, as :meth:`upgrade` sends it.
    """

    def __init__(
        self,
        sock: socket.socket,
        environ: Mapping[str, Any],
        limits: Limits,
        early: bytes = b"",
        subprotocols: Collection[str] = (),
        account: Account | None = None,
        watches: Sequence[Watch] = (),
    ) -> None:
        # Not super().__init__(): it starts the thread that this class exists to avoid.
        self.sock = sock
        self.environ = environ

        agreement = negotiate(environ, subprotocols, limits.compression)
        self.subprotocol = agreement.subprotocol
        self.extensions = agreement.extensions
        self.head = agreement.head

        self._lifecycle = Lifecycle()
        self._close_timeout = limits.close_timeout_seconds
        self._transport = open_transport(
            sock, limits.send_timeout_seconds, limits.close_timeout_seconds / 2
        )
        self.watches = watches
        for watch in watches:
            self._transport = safely(watch.transport, self._transport) or self._transport
            if early:
                safely(watch.read_ahead, early)
        self._keepalive = Keepalive(
            limits.ping_interval_seconds or None,
            limits.ping_timeout_seconds,
            limits.idle_timeout_seconds,
            limits.max_lifetime_seconds,
        )
        self._account = account or Account(Budget(_UNLIMITED))
        deflate = agreement.deflate
        self._incoming = Incoming(limits.max_message_bytes, self._account, deflate, early)
        self._outgoing = Outgoing(self._transport, self._lifecycle, deflate, self._account)
        self._reader = Reader(
            self._transport,
            self._incoming,
            self._outgoing,
            self._keepalive,
            Pace(limits.send_timeout_seconds),
        )
        self._received = False  # Since the handler sent last.
        self._kept = Kept(self._incoming)
        self._lookout = Lookout(
            self._transport,
            self._reader,
            self._incoming,
            self._outgoing,
            self._keepalive,
            self._kept,
        )
        self._count: MessageCount | None = None

    @property
    def mode(self) -> str:  # type: ignore[override]
        """The server of the request: ``gunicorn`` or ``werkzeug``."""
        return "werkzeug" if "werkzeug.socket" in self.environ else "gunicorn"

    @property
    def ping_interval(self) -> float | None:  # type: ignore[override]
        """Seconds of silence before a ping, or None."""
        return self._keepalive.interval

    @property
    def max_message_size(self) -> int:  # type: ignore[override]
        """The longest message that is accepted, in bytes."""
        return self._incoming.limit

    @property
    def close_reason(self) -> int:  # type: ignore[override]
        """The status code that ended the connection; 1005 until then."""
        return self._lifecycle.code

    @property
    def close_message(self) -> str | None:  # type: ignore[override]
        """The reason that came with it, or None."""
        return self._lifecycle.reason

    @property
    def first_close(self) -> FirstClose | None:
        """The Close frame that was sent first, by whichever end; None without one."""
        return self._lifecycle.first_close

    @property
    def received_messages(self) -> int:
        """How many messages have arrived."""
        return self._incoming.messages

    @property
    def received_bytes(self) -> int:
        """How many bytes of payload have arrived, after inflating."""
        return self._incoming.bytes

    @property
    def sent_messages(self) -> int:
        """How many messages were sent."""
        return self._outgoing.messages

    @property
    def sent_bytes(self) -> int:
        """How many bytes of payload were sent, before compression."""
        return self._outgoing.bytes

    @property
    def last_message_at(self) -> float:
        """When the last message was sent or received, on the monotonic clock in seconds.

        A reply counts as of the message that it answers, unless there is an idle time-out.
        """
        return self._keepalive.last_message_at

    @property
    def connected(self) -> bool:
        """Whether the connection is open.

        The owning thread looks at what has arrived, at most once a second, and so notices the
        peer's Close frame. For other threads this is the last known state.
        """
        lifecycle = self._lifecycle
        if lifecycle.state is OPEN and get_ident() == lifecycle.owner:
            now = monotonic()
            if now >= self._lookout.next_at:
                with suppress(ConnectionClosed):
                    self._look(now)
        return lifecycle.state is OPEN

    def count_messages(self) -> MessageCount:
        """Count the messages of the handler from now on, and return the count.

        A :class:`Watch` calls this when the connection opens. All callers get the same count. A
        connection that nobody asks does not count.
        """
        if self._count is None:
            incoming = self._incoming
            self._count = MessageCount(self._outgoing, (incoming.messages, incoming.bytes))
            self._kept.count = self._count
        return self._count

    def upgrade(self) -> None:
        """Answer the upgrade request with 101. Call it before anything else.

        :raises ConnectionClosed: if the peer is gone already.
        """
        try:
            turns = self._outgoing.turns
            turns.acquire()
            try:
                self._transport.send(self.head)
            finally:
                self._lifecycle.open()
                turns.release()
        except (SendTimeout, OSError) as error:
            self._outgoing.break_off(error)
            self._raise_unsent()

    # -- Receiving -------------------------------------------------------------------------

    def receive(self, timeout: float | None = None) -> Message | None:
        """Return the next message. Meanwhile pings and a Close frame are answered.

        :param timeout: seconds to wait; None waits without limit, 0 takes what has arrived.
        :return: ``str`` or ``bytes``, or None after the timeout.
        :raises RuntimeError: in a thread that does not own the connection.
        :raises ConnectionClosed: with the code and reason that ended the connection.
        """
        lifecycle = self._lifecycle
        if lifecycle.state is not OPEN:
            return self._receive_closed()
        if get_ident() != lifecycle.owner:
            raise RuntimeError("only the thread of its request may receive on a connection")
        self._received = True
        if self._account.delivered:
            self._account.drop_delivered()
        if self._kept.messages:
            return self._kept.take()
        deadline = None if timeout is None else Deadline(timeout)
        incoming = self._incoming
        keepalive = self._keepalive
        time_is_up = False
        try:
            while True:
                while incoming.pending:
                    item = incoming.next()
                    if isinstance(item, _MESSAGE):
                        keepalive.last_message_at = monotonic()
                        count = self._count
                        if count is not None:
                            if type(item) is bytes:
                                count.received_binary += 1
                            count.arrived_bytes = incoming.bytes
                            count.arrived_messages = incoming.messages
                        return item
                    if item is not None:
                        self._outgoing.answer(item)
                    if keepalive.limited:
                        keepalive.start(monotonic())  # The next read looks at the limits.
                if time_is_up or not self._reader.read(deadline):
                    return None
                # A peer that sends parts without a pause does not put off the deadline.
                if deadline is not None:
                    time_is_up = not deadline.left()
        except MustEnd as error:
            how = error.how
        except Unacceptable as error:
            how = self._fail(error)
        return self._end(how)

    def _receive_closed(self) -> Message:
        """Return the messages that came before the end, then raise."""
        self._carry_out_end()
        if not self._kept.messages:
            self._raise_closed()
        return self._kept.take()

    def _fail(self, error: Unacceptable) -> Ending:
        """_Fail the WebSocket Connection_ (section 7.1.7): nothing more of its input is parsed.

        Drop ``error`` before the end, which may take seconds: the frames of its traceback hold the
        message.
        """
        self._incoming.clear()
        return ending(error.code, error.reason)

    def _look(self, now: float) -> None:
        """Take what has arrived, for a handler that does not receive. Only the owner may."""
        try:
            self._lookout.look(now)
            return
        except MustEnd as error:
            how = error.how
        except Unacceptable as error:
            how = self._fail(error)
        self._end(how)

    # -- Sending ---------------------------------------------------------------------------

    def send(self, data: Any, timeout: float | None = None) -> None:
        """Send one message. Any thread may; messages never interleave.

        The message is compressed if compression was negotiated and the last message received on
        this connection was compressed. Before the first one arrives, nothing is compressed.

        :param data: ``bytes``, ``bytearray`` or ``memoryview`` for a binary message; anything else
            is sent as its text.
        :param timeout: seconds after which a peer that has not taken the whole message is
            disconnected; None for the send time-out of the limits. A broadcast sets it, so that
            one slow peer does not hold up the others.
        :raises ConnectionClosed: if the connection is closed, or the peer has stopped reading.
        """
        if self._received:
            self._received = False
            if self._keepalive.idle is not None:
                self._keepalive.last_message_at = monotonic()
        else:
            self._look_before_sending()
        if not isinstance(data, _MESSAGE):
            data = bytes(data) if isinstance(data, (bytearray, memoryview)) else str(data)
        deadline = None if timeout is None else Deadline(timeout)
        if len(data) > UNCOUNTED_LENGTH:
            header, payload, cost = self._encode_large(data, deadline)
        else:
            header, payload = frames.encode(data)
            cost = 0
        size = len(payload)
        del data  # The text, if nobody else has it. Its payload may wait for long.
        outgoing = self._outgoing
        turns = outgoing.turns
        try:
            try:
                turns.free.pop()  # turns.acquire(), inlined
            except IndexError:
                outgoing.await_turn(deadline)
            try:
                if self._lifecycle.state is not OPEN:
                    raise Closed
                if self._incoming.compressed:
                    header, payload = outgoing.compress(header, payload)
                if deadline is None:
                    self._transport.send_frame(header, payload)
                else:
                    outgoing.send_frame(header, payload, deadline)
                count = self._count
                if count is not None and header[0] & _BINARY:
                    count.sent_binary += 1
                # Last, so that whoever sees a message sees its bytes.
                outgoing.bytes += size
                outgoing.messages += 1
                if outgoing.controls:
                    outgoing.flush_controls(deadline)
            except Closed:
                raise
            except BaseException as error:
                outgoing.break_off(error)
                raise
            finally:
                turns.free.append(None)  # turns.release(), inlined
                if turns.waiting:
                    turns.hand_over()
            if outgoing.controls:
                outgoing.send_controls()
        except MustEnd as error:
            self._end(error.how)
        except (Closed, SendTimeout, OSError):
            self._raise_unsent()
        finally:
            if cost:
                outgoing.discharge(cost)

    def _look_before_sending(self) -> None:
        """Look at what has arrived, for a handler that sends without receiving."""
        self._keepalive.last_message_at = now = monotonic()
        if now < self._lookout.next_at:
            return
        lifecycle = self._lifecycle
        if get_ident() == lifecycle.owner and lifecycle.state is OPEN:
            self._look(now)

    def send_parts(self, parts: Iterable[str | bytes], timeout: float | None = None) -> None:
        """Send one message in fragments (RFC 6455, section 5.4), so that it need not be in memory
        as a whole. Other threads that send wait until it is complete.

        :param parts: yields the fragments: all text, or all bytes. If it raises an exception, the
            connection ends, because a message cannot be left incomplete. It must not send on this
            connection: that raises RuntimeError.
        :param timeout: as for :meth:`send`, for the whole message.
        :raises ConnectionClosed: as :meth:`send` does.
        """
        if not self._received:
            self._look_before_sending()
        self._received = False
        self._keepalive.last_message_at = monotonic()
        deadline = None if timeout is None else Deadline(timeout)
        outgoing = self._outgoing
        try:
            if not outgoing.turns.try_acquire():
                outgoing.await_turn(deadline)
            with outgoing.turn():
                if self._lifecycle.state is not OPEN:
                    raise Closed
                compressed = self._incoming.compressed
                first, size = outgoing.send_fragments(parts, compressed, deadline)
                if self._count is not None and first & _BINARY:
                    self._count.sent_binary += 1
                outgoing.bytes += size
                outgoing.messages += 1
            outgoing.send_controls()
        except MustEnd as error:
            self._end(error.how)
        except (Closed, SendTimeout, OSError):
            self._raise_unsent()

    def _encode_large(self, data: Message, deadline: Deadline | None) -> tuple[bytes, bytes, int]:
        """Hold memory for a large message, and encode it; see :meth:`Outgoing.encode`.

        :raises ConnectionClosed: if there is none left.
        """
        if self._account.delivered and self._lifecycle.is_owner():
            self._account.drop_delivered()  # The variable of the handler's loop has a new message.
        try:
            return self._outgoing.encode(data, self._incoming.compressed, deadline)
        except OverBudget as error:
            self._end_from_any_thread(ending(CloseReason.TRY_AGAIN_LATER, str(error)))

    def _end_from_any_thread(self, how: Ending) -> NoReturn:
        if self._lifecycle.is_owner():
            self._end(how)
        if self._lifecycle.begin_closing(how, asked=True):
            self._transport.wake(0.0)
        self._raise_closed()

    def _raise_unsent(self) -> NoReturn:
        """End the connection of a message that could not be sent."""
        if self._lifecycle.is_owner() and self._lifecycle.broken is not None:
            self._end(self._lifecycle.broken)
        self._raise_closed()

    # -- The end (RFC 6455, section 7) -----------------------------------------------------

    def close(self, reason: int | None = None, message: str | None = None) -> None:
        """Close the connection.

        The owning thread waits until it has ended, for the close time-out at most. Another thread
        asks the owner to close it, and returns at once. The owner wakes up if it waits for a
        message, and its next call raises :class:`ConnectionClosed`.

        :param reason: the status code; 1000 by default.
        :param message: the reason; it is cut to 123 bytes of UTF-8.
        :raises ConnectionClosed: if it is closed already.
        :raises ValueError: for a code that must not be sent (RFC 6455, section 7.4), or a reason
            that UTF-8 cannot encode.
        """
        code = CloseReason.NORMAL_CLOSURE if reason is None else reason
        if not may_be_sent(code):
            raise ValueError(f"close code {code} must not be sent (RFC 6455, section 7.4)")
        is_owner = self._lifecycle.is_owner()
        # The peer may have the 101 before the owner notes that the connection is open.
        if is_owner or self._lifecycle.state is not State.CONNECTING:
            self._check_open()
        wanted = ending(code, checked_reason(message), await_close=True)
        if is_owner:
            self._kept.clear()
            self._finish(wanted)
        elif self._lifecycle.begin_closing(wanted, asked=True):
            self._transport.wake(0.0)
        else:
            self._raise_closed()

    def wake(self, grace: float | None = None) -> None:
        """Tell the owner that the server is going away. Any thread may; this does not block.

        :param grace: seconds during which input of a peer that never pauses is still read; at most
            half the close time-out.
        """
        self._transport.wake(grace)
        self._lookout.next_at = 0.0

    def cut(self) -> None:
        """Reset the connection. Any thread may; this does not block. The owner notices it."""
        self._transport.cut()

    def hang_up(self) -> None:
        """Shut the socket down. Nobody can send anything on it afterwards.

        The HTTP server closes the descriptor. Closing it here could leave a thread with a number
        that the kernel has reused.
        """
        if self._lifecycle.state is State.CLOSED:
            return
        self._transport.finish()
        self._outgoing.finish(_LEAVE_SECONDS)
        self._lifecycle.close()
        self._incoming.clear()

    def _end(self, how: Ending) -> NoReturn:
        """End the connection because of something that the owner noticed.

        A subclass may postpone the end by raising an exception of its own.
        """
        self._finish(how)
        self._raise_closed()

    def _finish(self, how: Ending) -> None:
        """Carry out the end. Only the owner may. Every connection ends here."""
        lifecycle = self._lifecycle
        if not lifecycle.begin_closing(how):
            if lifecycle.state is State.CLOSED:
                return
            how = lifecycle.broken or lifecycle.asked or how
        keep: Callable[[Message], object] = self._kept.add_if_room
        if lifecycle.asked is not None:
            self._kept.clear()
            keep = _drop
        if how.close is not None and not how.await_close:
            self._incoming.clear()  # Nothing more of it is parsed. The peer may be slow to leave.
        handshake = ClosingHandshake(
            self._transport, self._outgoing.turns, self._incoming, lifecycle
        )
        try:
            handshake.carry_out(how, keep, self._close_timeout)
        finally:
            self.hang_up()

    def _check_open(self) -> None:
        if self._lifecycle.state is not OPEN:
            self._raise_closed()

    def _carry_out_end(self) -> None:
        """Finish what another thread, or an exception, has begun. Only the owner does it."""
        if self._lifecycle.state is State.CLOSING and self._lifecycle.is_owner():
            self._finish(LOST)

    def _raise_closed(self) -> NoReturn:
        """Raise :class:`ConnectionClosed`. The owner first carries out the end."""
        self._carry_out_end()
        raise ConnectionClosed(self.close_reason, self.close_message)


def _drop(message: Message) -> None:
    """Drop a message that nobody wants any more."""
