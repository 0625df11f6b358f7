"""Messages that a handler which only sends has not received yet."""

from collections import deque
from sys import getsizeof

from flask_echo.websocket.frames import Message

# This much memory in sum is kept.
KEEP_BYTES = 64 * 1024


class Kept:
    """A queue of messages.

    :ivar bytes: how much memory they take.
    """

    __slots__ = ("_messages", "bytes")

    def __init__(self) -> None:
        self.bytes = 0
        self._messages: deque[tuple[Message, bool]] = deque()

    def __bool__(self) -> bool:
        return bool(self._messages)

    def add(self, message: Message, compressed: bool) -> None:
        """Append a message, and whether it was compressed."""
        self._messages.append((message, compressed))
        self.bytes += getsizeof(message)

    def take(self) -> tuple[Message, bool]:
        """Take the oldest message, and whether it was compressed."""
        message, compressed = self._messages.popleft()
        self.bytes -= getsizeof(message)
        return message, compressed

    def put_back(self, older: "Kept | None") -> "Kept":
        """Return this queue with the messages of ``older`` before its own."""
        if older is not None:
            self._messages.extendleft(reversed(older._messages))
            self.bytes += older.bytes
        return self
