"""Messages that have arrived, and that the handler has not received yet."""

from collections import deque
from sys import getsizeof

from flask_echo.websocket.frames import Message
from flask_echo.websocket.incoming import Incoming
from flask_echo.websocket.message_count import MessageCount

# This much memory in sum is kept. 12 KiB less than is free: a piece of a compressed message may
# exceed it by a few KiB.
KEEP_BYTES = 52 * 1024

Queue = deque[tuple[Message, bool]]


class Kept:
    """The messages of one connection that wait for its handler. Only the owner may use it.

    :param incoming: has returned the messages.
    :ivar messages: each with whether it was compressed; None until there is one.
    :ivar count: is told of the messages that wait; None if nobody counts.
    """

    __slots__ = ("_bytes", "_incoming", "count", "messages")

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming
        self._bytes = 0
        self.messages: Queue | None = None
        self.count: MessageCount | None = None

    @property
    def is_full(self) -> bool:
        """Whether these messages, with one that is under way, take :data:`KEEP_BYTES`."""
        return self._bytes + self._incoming.under_way >= KEEP_BYTES

    def add(self, message: Message) -> None:
        """Append the message that :attr:`incoming` has returned last."""
        incoming = self._incoming
        if self.messages is None:
            self.messages = deque()
        self.messages.append((message, incoming.compressed))
        self._bytes += getsizeof(message)
        if self.count is not None:
            self.count.leave_out(message, (incoming.messages, incoming.bytes))

    def add_if_room(self, message: Message) -> None:
        """Append the last message, unless there are too many."""
        if not self.is_full:
            self.add(message)

    def take(self) -> Message:
        """Take the oldest message. A reply is compressed as this message was."""
        assert self.messages is not None
        message, self._incoming.compressed = self.messages.popleft()
        self._bytes -= getsizeof(message)
        if self.count is not None:
            self.count.add_left_out(message)
        return message

    def clear(self) -> None:
        """Drop all messages: the handler never gets them."""
        self.messages, self._bytes = None, 0

    def take_all(self) -> Queue | None:
        """Take all messages out, for :meth:`put_back`."""
        messages = self.messages
        self.clear()
        return messages

    def put_back(self, older: Queue | None) -> None:
        """Put ``older`` messages before the others."""
        if older:
            self.messages = older + (self.messages or deque())
            self._bytes += sum(getsizeof(message) for message, _ in older)
