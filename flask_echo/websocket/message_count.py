"""A count of the messages that a handler has received and sent."""

from flask_echo.websocket.frames import Message
from flask_echo.websocket.outgoing import Outgoing


def payload_size(message: Message) -> int:
    """Return how many bytes of payload a message has, after inflating."""
    if isinstance(message, bytes) or message.isascii():
        return len(message)
    return len(message.encode())


class MessageCount:
    """Counts the messages of one connection; see :meth:`Connection.count_messages`.

    A message is counted when the handler gets it, or when the system has taken all of it to send.
    Bytes are those of the payload of these messages, before compression. Any thread may read the
    figures. While a message is counted, it may be missing in some of them.

    It uses the totals that the connection has anyway, because each step counts for a small message.

    :param outgoing: knows the totals of what was sent.
    :param arrived: how many messages, and how many bytes of payload, had arrived before.
    :ivar arrived_messages: all that had arrived when the handler got a message. Only the
        connection sets this and the others.
    :ivar arrived_bytes: the payload of those.
    :ivar received_binary: how many binary messages the handler has received.
    :ivar sent_binary: how many binary messages were sent.
    """

    __slots__ = (
        "_left_out_bytes",
        "_left_out_messages",
        "_outgoing",
        "_sent_before",
        "arrived_bytes",
        "arrived_messages",
        "received_binary",
        "sent_binary",
    )

    def __init__(self, outgoing: Outgoing, arrived: tuple[int, int] = (0, 0)) -> None:
        self._outgoing = outgoing
        self._sent_before = outgoing.messages, outgoing.bytes
        self.arrived_messages, self.arrived_bytes = arrived
        self._left_out_messages, self._left_out_bytes = arrived
        self.received_binary = self.sent_binary = 0

    @property
    def received_text(self) -> int:
        """How many messages of text the handler has received."""
        return self.received - self.received_binary

    @property
    def received(self) -> int:
        """How many messages the handler has received."""
        return self.arrived_messages - self._left_out_messages

    @property
    def received_bytes(self) -> int:
        """How many bytes of payload they have."""
        return self.arrived_bytes - self._left_out_bytes

    @property
    def sent_text(self) -> int:
        """How many messages of text were sent."""
        return self.sent - self.sent_binary

    @property
    def sent(self) -> int:
        """How many messages were sent."""
        return self._outgoing.messages - self._sent_before[0]

    @property
    def sent_bytes(self) -> int:
        """How many bytes of payload they have."""
        return self._outgoing.bytes - self._sent_before[1]

    # Numbers of messages change last: whoever sees a message sees its bytes.

    def leave_out(self, message: Message, arrived: tuple[int, int]) -> None:
        """Leave out the newest message: the handler may never get it."""
        self._left_out_messages += 1
        self._left_out_bytes += payload_size(message)
        self.arrived_messages, self.arrived_bytes = arrived

    def add_left_out(self, message: Message) -> None:
        """Count a message that was left out: the handler gets it."""
        if isinstance(message, bytes):
            self.received_binary += 1
        self._left_out_bytes -= payload_size(message)
        self._left_out_messages -= 1
