"""A WebSocket connection that is driven by the thread of its own request.

There is no second thread. :meth:`Connection.receive` reads the socket when the handler asks for a
message, and only the owning thread reads. The kernel's socket buffer is the queue, so TCP holds
back a peer that sends faster than the handler receives. Other threads may send and close.

:mod:`flask_echo.websocket.incoming` turns bytes into messages. This module decides who waits, who
answers, and how the connection ends (RFC 6455).
"""

import os
import socket
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from threading import Lock, get_ident
from time import monotonic
from typing import Any, NoReturn

from simple_websocket import ConnectionClosed, Server
from wsproto.frame_protocol import CloseReason

from flask_echo.websocket import control, frames
from flask_echo.websocket.budget import UNCOUNTED_BYTES, Account, Budget, OverBudget
from flask_echo.websocket.closing import (
    LOST,
    PING_TIMEOUT_REASON,
    READ_LARGE_BYTES,
    STUCK,
    ClosingHandshake,
    Ending,
    FirstClose,
    State,
    ending,
)
from flask_echo.websocket.control import Close, Control, Ping
from flask_echo.websocket.frames import Message, may_be_sent
from flask_echo.websocket.handshake import negotiate
from flask_echo.websocket.incoming import Incoming
from flask_echo.websocket.keepalive import Due, Keepalive
from flask_echo.websocket.kept import KEEP_BYTES, Kept
from flask_echo.websocket.limits import Limits
from flask_echo.websocket.message_count import MessageCount
from flask_echo.websocket.observers import Watch, safely
from flask_echo.websocket.outgoing import Outgoing
from flask_echo.websocket.pace import Pace
from flask_echo.websocket.transport import Deadline, SendTimeout, Woken, open_transport
from flask_echo.websocket.verdicts import Unacceptable

# One read takes many small frames, or a piece of a large one.
_READ_BYTES = 4 * 1024
# A thread that waits in a read holds the buffer for it. So a peer that has been silent, or has sent
# little at a time so far, gets one that CPython keeps in a block of 512 bytes, its largest. That
# of 4 KiB would cost an idle connection so much more.
_READ_LITTLE_BYTES = 448

# A handler that only sends looks this often at what has arrived.
LOOK_SECONDS = 1.0
# If the kernel has no room for a pong, the next look comes after this time.
_RETRY_SECONDS = 0.1
# A peer that never pauses does not keep the handler for longer.
_LONGEST_LOOK_SECONDS = 0.01

# After a shutdown of the socket, a thread that was sending leaves within this time.
_LEAVE_SECONDS = 1.0

# After this many messages, other threads run, if any are ready. To ask takes 0.8 µs.
_MESSAGES_IN_A_ROW = 16
_sched_yield = getattr(os, "sched_yield", lambda: None)

_MESSAGE = (str, bytes)
_BINARY = frames.BINARY

_UNLIMITED = sys.maxsize


_TOO_SLOW = ending(CloseReason.POLICY_VIOLATION, "a large message arrives too slowly")
_GOING_AWAY = ending(CloseReason.GOING_AWAY, "going away", await_close=True)
_TOO_OLD = ending(CloseReason.GOING_AWAY, "maximum lifetime reached", await_close=True)

_OPEN = State.OPEN  # A lookup in the enum would be 1 % of a small message.


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
    :ivar close_reason: the status code that ended the connection; 1005 until then.
    :ivar close_message: the reason that came with it, or None.
    :ivar first_close: the Close frame that was sent first, by whichever end; None without one.
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
        self.close_reason: int = CloseReason.NO_STATUS_RCVD
        self.close_message: str | None = None
        self.first_close: FirstClose | None = None

        agreement = negotiate(environ, subprotocols, limits.compression)
        self.subprotocol = agreement.subprotocol
        self.extensions = agreement.extensions
        self.head = agreement.head

        self._owner = get_ident()
        self._state = State.CONNECTING
        self._transition = Lock()
        self._asked: Ending | None = None  # By another thread; the owner carries it out.
        self._broken: Ending | None = None  # A frame was sent in part, so nothing can follow it.
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
        self._outgoing = Outgoing(self._transport, deflate, self._account)
        self._pace = Pace(limits.send_timeout_seconds)
        self._read_after = self._in_a_row = 0
        self._read_bytes = _READ_LITTLE_BYTES
        # For handlers that send without receiving: whether the handler has received since it sent
        # last, when to look next, and the messages that were found.
        self._received = False
        self._next_look = 0.0
        self._kept: Kept | None = None
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
        if self._state is _OPEN and get_ident() == self._owner:
            with suppress(ConnectionClosed):
                self._look()
        return self._state is _OPEN

    def count_messages(self) -> MessageCount:
        """Count the messages of the handler from now on, and return the count.

        A :class:`Watch` calls this when the connection opens. All callers get the same count. A
        connection that nobody asks does not count.
        """
        if self._count is None:
            incoming = self._incoming
            self._count = MessageCount(self._outgoing, (incoming.messages, incoming.bytes))
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
                self._leave_connecting()
                turns.release()
        except (SendTimeout, OSError) as error:
            self._break(error)
            self._raise_unsent()

    def _leave_connecting(self) -> None:
        """Go from CONNECTING to OPEN, unless another thread has asked for the end already."""
        with self._transition:
            if self._state is State.CONNECTING:
                self._state = _OPEN

    # -- Receiving -------------------------------------------------------------------------

    def receive(self, timeout: float | None = None) -> Message | None:
        """Return the next message. Meanwhile pings and a Close frame are answered.

        :param timeout: seconds to wait; None waits without limit, 0 takes what has arrived.
        :return: ``str`` or ``bytes``, or None after the timeout.
        :raises RuntimeError: in a thread that does not own the connection.
        :raises ConnectionClosed: with the code and reason that ended the connection.
        """
        if self._state is not _OPEN:
            return self._receive_closed()
        if get_ident() != self._owner:
            raise RuntimeError("only the thread of its request may receive on a connection")
        self._received = True
        if self._account.delivered:
            self._account.drop_delivered()
        if self._kept:
            return self._take_kept()
        deadline = None if timeout is None else Deadline(timeout)
        incoming = self._incoming
        keepalive = self._keepalive
        time_is_up = False
        while True:
            while incoming.pending:
                try:
                    item = incoming.next()
                except Unacceptable as error:
                    self._fail(error)
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
                    self._on_control(item)
                if keepalive.limited:
                    keepalive.start(monotonic())  # The next read looks at the limits.
            if time_is_up or not self._read(deadline):
                return None
            # A peer that sends parts without a pause does not put off the deadline.
            if deadline is not None:
                time_is_up = not deadline.left()

    def _receive_closed(self) -> Message:
        """Return the messages that came before the end, then raise."""
        self._carry_out_end()
        if not self._kept:
            self._raise_closed()
        return self._take_kept()

    def _fail(self, error: Unacceptable) -> NoReturn:
        """_Fail the WebSocket Connection_ (section 7.1.7): nothing more of its input is parsed."""
        how = ending(error.code, error.reason)
        # The frames of the traceback hold the message, and the end may take seconds.
        error.__traceback__ = error.__context__ = None
        self._incoming.clear()
        self._end(how)

    def _on_control(self, item: Control) -> None:
        if isinstance(item, Ping):  # RFC 6455, section 5.5.2.
            self._send_control(item.pong())
        elif isinstance(item, Close):
            self._note_first_close("client", item)
            self._end(Ending(item.code, item.reason, item))

    def _read(self, deadline: Deadline | None) -> bool:
        """Wait for more input; return False if ``deadline`` comes first."""
        messages = self._incoming.messages
        if messages > self._read_after + 1:
            self._let_others_run(messages - self._read_after)
        self._read_after = messages
        keepalive = self._keepalive
        slowly = self._incoming.holds_much
        if (
            deadline is None
            and keepalive.since is None
            and not slowly
            and keepalive.last_message_at < keepalive.exact_from
        ):
            wait = keepalive.first_wait
        else:
            wait = self._wait(deadline)
        try:
            if slowly:
                data = self._recv_in_time(wait)
            elif self._incoming.large is not None and wait != 0:
                data = self._transport.recv(READ_LARGE_BYTES, wait)
            else:
                data = self._transport.recv(self._read_bytes, wait)
                if len(data) == self._read_bytes:
                    self._read_bytes = _READ_BYTES
        except TimeoutError:
            self._on_silence()
            return deadline is None or deadline.left() > 0
        except Woken:
            self._end(_GOING_AWAY)
        except OSError:
            self._end(LOST)
        if not data:
            self._end(LOST)
        if keepalive.since is not None:
            keepalive.on_data()
        self._incoming.add(data)
        return True

    def _let_others_run(self, count: int) -> None:
        """Let the threads that are ready have their turn, after enough reads of several messages.

        A thread gives the GIL up at each system call, but usually has it back before another one
        has woken up. A peer that always has its next messages under way would keep the GIL for a
        whole switch interval.
        """
        self._in_a_row += count
        if self._in_a_row >= _MESSAGES_IN_A_ROW:
            self._in_a_row = 0
            _sched_yield()

    def _recv_in_time(self, wait: float | None) -> bytes:
        """Read a part of a message that holds much memory, from a peer that must not be slow."""
        began, data = monotonic(), b""
        left = self._pace.left()
        try:
            data = self._transport.recv(READ_LARGE_BYTES, left if wait is None else min(wait, left))
        finally:
            if not self._pace.add(monotonic() - began, len(data)):
                self._end(_TOO_SLOW)
        return data

    def _wait(self, deadline: Deadline | None) -> float | None:
        """Return the seconds until the deadline or the keepalive needs attention."""
        now = monotonic()
        self._heed_limits(now)
        waits = (self._keepalive.wait(now), deadline.left() if deadline else None)
        return min((wait for wait in waits if wait is not None), default=None)

    def _on_silence(self) -> None:
        """Ping the peer, or give it up, if that is due."""
        due = self._keepalive.due(monotonic())
        if due is Due.PING:
            self._read_bytes = _READ_LITTLE_BYTES
            self._send_control(control.PING)
        elif due is Due.TIMEOUT:
            self._end(ending(CloseReason.POLICY_VIOLATION, PING_TIMEOUT_REASON))
        else:
            self._end_over(due)

    def _heed_limits(self, now: float) -> None:
        """End a connection that is idle or too old, also if its peer never pauses."""
        if self._keepalive.limited:
            self._end_over(self._keepalive.over(now))

    def _end_over(self, due: Due) -> None:
        if due is Due.LIFETIME:
            self._end(_TOO_OLD)
        elif due is Due.IDLE:
            reason = f"no message for {self._keepalive.idle:g} seconds"
            self._end(ending(CloseReason.GOING_AWAY, reason, await_close=True))

    # -- Looking: handlers that send without receiving -----------------------------------------

    def _look(self) -> None:
        """Take what has arrived without waiting, at most once a second. Only the owner may.

        Messages are kept for :meth:`receive`. When they fill :data:`KEEP_BYTES`, nothing more is
        read: TCP holds the peer back, and only the drain is noticed.
        """
        now = monotonic()
        if now < self._next_look:
            return
        # A pong would wait for a peer that does not read.
        can_send = self._can_send()
        self._next_look = now + (LOOK_SECONDS if can_send else _RETRY_SECONDS)
        if self._transport.woken and (self._keeps_enough() or not can_send):
            self._end(_GOING_AWAY)
        self._heed_limits(now)
        if not can_send:
            return
        self._keepalive.start(now)
        at_once = Deadline(0)
        while monotonic() - now < _LONGEST_LOOK_SECONDS:
            self._keep_pending()
            if self._keeps_enough() or not self._read(at_once):
                return

    def _can_send(self) -> bool:
        try:
            return self._transport.can_send()
        except OSError:
            self._end(LOST)

    def _keep_pending(self) -> None:
        while self._incoming.pending and not self._keeps_enough():
            try:
                item = self._incoming.next(KEEP_BYTES)
            except Unacceptable as error:
                self._fail(error)
            if isinstance(item, _MESSAGE):
                self._keep(item)
            elif item is not None:
                self._on_control(item)

    def _keeps_enough(self) -> bool:
        kept = self._kept.bytes if self._kept is not None else 0
        return kept + self._incoming.under_way >= KEEP_BYTES

    def _keep(self, message: Message) -> None:
        if self._kept is None:
            self._kept = Kept()
        self._kept.add(message, self._incoming.compressed)
        if self._count is not None:
            self._count.leave_out(message, (self._incoming.messages, self._incoming.bytes))

    def _keep_last(self, message: Message) -> None:
        """Keep a message that arrived before the stream broke, if there is room."""
        if not self._keeps_enough():
            self._keep(message)

    def _take_kept(self) -> Message:
        assert self._kept is not None
        message, self._incoming.compressed = self._kept.take()
        if self._count is not None:
            self._count.add_left_out(message)
        return message

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
        header, payload = frames.encode(data)
        size = len(payload)
        deadline = None if timeout is None else Deadline(timeout)
        cost = self._charge(payload, data, deadline) if size > UNCOUNTED_BYTES else 0
        del data  # The text, if nobody else has it. Its payload may wait for long.
        outgoing = self._outgoing
        turns = outgoing.turns
        try:
            try:
                turns.free.pop()  # turns.acquire(), inlined
            except IndexError:
                self._await_turn(deadline)
            try:
                if self._state is not _OPEN:
                    raise _Closed
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
            except _Closed:
                raise
            except BaseException as error:
                self._break(error)
                raise
            finally:
                turns.free.append(None)  # turns.release(), inlined
                if turns.waiting:
                    turns.hand_over()
            if outgoing.controls:
                self._send_controls()
        except (_Closed, SendTimeout, OSError):
            self._raise_unsent()
        finally:
            if cost:
                outgoing.discharge(cost)

    def _look_before_sending(self) -> None:
        """Look at what has arrived, for a handler that sends without receiving."""
        self._keepalive.last_message_at = monotonic()
        if get_ident() == self._owner and self._state is _OPEN:
            self._look()

    def send_parts(self, parts: Iterable[str | bytes], timeout: float | None = None) -> None:
        """Send one message in fragments (RFC 6455, section 5.4), so that it need not be in memory
        as a whole. Other threads that send wait until it is complete.

        :param parts: yields the fragments: all text, or all bytes. If it raises an exception, the
            connection ends, because a message cannot be left incomplete.
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
                self._await_turn(deadline)
            with self._turn():
                if self._state is not _OPEN:
                    raise _Closed
                compressed = self._incoming.compressed
                first, size = outgoing.send_fragments(parts, compressed, deadline)
                if self._count is not None and first & _BINARY:
                    self._count.sent_binary += 1
                outgoing.bytes += size
                outgoing.messages += 1
            self._send_controls()
        except (_Closed, SendTimeout, OSError):
            self._raise_unsent()

    def _charge(self, payload: bytes, data: Message, deadline: Deadline | None) -> int:
        """Hold memory for a reply, and return how much.

        :raises ConnectionClosed: if there is none left.
        """
        if self._account.delivered and get_ident() == self._owner:
            self._account.drop_delivered()  # The variable of the handler's loop has a new message.
        try:
            return self._outgoing.charge(payload, data, self._incoming.compressed, deadline)
        except OverBudget as error:
            self._end_from_any_thread(ending(CloseReason.TRY_AGAIN_LATER, str(error)))

    def _end_from_any_thread(self, how: Ending) -> NoReturn:
        if get_ident() == self._owner:
            self._end(how)
        if self._begin_closing(how, asked=True):
            self._transport.wake(0.0)
        self._raise_closed()

    def _await_turn(self, deadline: Deadline | None) -> None:
        """Wait until no other thread sends.

        :raises _Closed: if the connection closes meanwhile.
        :raises SendTimeout: if ``deadline`` comes first.
        """
        turns = self._outgoing.turns
        if get_ident() == self._owner:
            has_turn = turns.wait(
                deadline, lambda: self._state is not _OPEN or self._transport.woken
            )
        else:
            has_turn = turns.wait(deadline, lambda: self._state is not _OPEN)
        if has_turn:
            return
        if self._state is _OPEN and get_ident() == self._owner and self._transport.woken:
            self._end(_GOING_AWAY)
        if self._state is not _OPEN:
            raise _Closed
        self._break(SendTimeout())
        raise SendTimeout

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Give up the turn at the end. A frame that was sent in part ends the connection."""
        try:
            yield
        except _Closed:
            raise
        except BaseException as error:
            self._break(error)
            raise
        finally:
            self._outgoing.turns.release()

    def _send_control(self, data: bytes) -> None:
        """Send a control frame. If another thread is sending, leave the frame to it: it sends the
        frame when its message is done.

        So the owner never waits here for a slow message.
        """
        self._outgoing.add_control(data)
        try:
            self._send_controls()
        except (SendTimeout, OSError):
            self._raise_unsent()

    def _send_controls(self) -> None:
        # A thread that gives up its turn comes here, so no frame is left behind.
        outgoing = self._outgoing
        while outgoing.controls and outgoing.turns.try_acquire():
            try:
                outgoing.flush_controls(None)
            except BaseException as error:
                self._break(error)
                raise
            finally:
                outgoing.turns.release()

    def _break(self, error: BaseException) -> None:
        """Note that a frame may have been sent in part: nothing can follow it."""
        self._broken = STUCK if isinstance(error, SendTimeout) else LOST
        self._begin_closing(self._broken)
        if get_ident() != self._owner:
            self._transport.cut()  # The owner may wait in a read. This wakes it.

    def _raise_unsent(self) -> NoReturn:
        """End the connection of a message that could not be sent."""
        if get_ident() == self._owner and self._broken is not None:
            self._end(self._broken)
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
        is_owner = get_ident() == self._owner
        # The peer may have the 101 before the owner notes that the connection is open.
        if is_owner or self._state is not State.CONNECTING:
            self._check_open()
        wanted = ending(code, _checked_reason(message), await_close=True)
        if is_owner:
            self._kept = None
            self._finish(wanted)
        elif self._begin_closing(wanted, asked=True):
            self._transport.wake(0.0)
        else:
            self._raise_closed()

    def wake(self, grace: float | None = None) -> None:
        """Tell the owner that the server is going away. Any thread may; this does not block.

        :param grace: seconds during which input of a peer that never pauses is still read; at most
            half the close time-out.
        """
        self._transport.wake(grace)
        self._next_look = 0.0

    def cut(self) -> None:
        """Reset the connection. Any thread may; this does not block. The owner notices it."""
        self._transport.cut()

    def hang_up(self) -> None:
        """Shut the socket down. Nobody can send anything on it afterwards.

        The HTTP server closes the descriptor. Closing it here could leave a thread with a number
        that the kernel has reused.
        """
        if self._state is State.CLOSED:
            return
        self._transport.finish()
        self._outgoing.finish(_LEAVE_SECONDS)
        with self._transition:
            self._state = State.CLOSED
        self._incoming.clear()

    def _end(self, how: Ending) -> NoReturn:
        """End the connection because of something that the owner noticed.

        A subclass may postpone the end by raising an exception of its own.
        """
        self._finish(how)
        self._raise_closed()

    def _begin_closing(self, how: Ending, asked: bool = False) -> bool:
        """Go from OPEN to CLOSING; return False if another thread was first.

        From here on, no frame but a Close frame is begun.

        :param asked: whether the owner is to carry out ``how``. It may still be sending the 101.
        """
        with self._transition:
            if self._state is not _OPEN and not (asked and self._state is State.CONNECTING):
                return False
            self.close_reason, self.close_message = how.code, how.reason
            if asked:
                self._asked = how
            self._state = State.CLOSING
            self._outgoing.closing = True
            return True

    def _finish(self, how: Ending) -> None:
        """Carry out the end. Only the owner may. Every connection ends here."""
        if not self._begin_closing(how):
            if self._state is State.CLOSED:
                return
            how = self._broken or self._asked or how
        keep = self._keep_last if self._asked is None else _drop
        if self._asked is not None:
            self._kept = None
        handshake = ClosingHandshake(self._transport, self._outgoing.turns, self._incoming)
        try:
            if how.close is not None:
                is_answer = self.first_close is not None
                await_close = how.await_close and not is_answer
                deadline = Deadline(self._close_timeout)
                handshake.say_goodbye(how.close, await_close, is_answer, deadline)
                if handshake.sent:
                    self._note_first_close("server", how.close)
            elif how is LOST:
                self._note_last_close(handshake.find_last_close(keep))
            elif how is STUCK:
                self._note_first_close("client", handshake.find_last_close(keep))
                self._transport.abort()
        finally:
            self.hang_up()

    def _note_last_close(self, close: Close | None) -> None:
        """A Close frame that arrived before the stream broke says why."""
        self._note_first_close("client", close)
        if close is not None:
            self.close_reason, self.close_message = close.code, close.reason

    def _note_first_close(self, sender: str, close: Close | None) -> None:
        if close is not None and self.first_close is None:
            self.first_close = FirstClose(sender, close.code)

    def _check_open(self) -> None:
        if self._state is not _OPEN:
            self._raise_closed()

    def _carry_out_end(self) -> None:
        """Finish what another thread, or an exception, has begun. Only the owner does it."""
        if self._state is State.CLOSING and get_ident() == self._owner:
            self._finish(LOST)

    def _raise_closed(self) -> NoReturn:
        """Raise :class:`ConnectionClosed`. The owner first carries out the end."""
        self._carry_out_end()
        raise ConnectionClosed(self.close_reason, self.close_message)


def _drop(message: Message) -> None:
    """Drop a message that nobody wants any more."""


def _checked_reason(reason: str | None) -> str | None:
    """Return the reason of a Close frame, or raise here and not in the owner's thread."""
    if reason is None:
        return None
    try:
        str(reason).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"the reason of a Close frame must be UTF-8: {error}") from None
    return str(reason)


class _Closed(Exception):
    """The connection was closed before the turn to send came."""
