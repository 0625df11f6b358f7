"""A count of the messages that a handler has received and sent."""

from flask_echo.websocket.frames import BINARY, Message


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

    The connection copies the totals that it has anyway, because that is quick: a count costs less
    than 1 % of a small message. It leaves out what the handler has not got.

    :param arrived: how many messages, and how many bytes of payload, had arrived before.
    :param sent: the same for what was sent.
    :ivar arrived_messages: all that had arrived when the handler got a message. Only the
        connection sets this and the next three.
    :ivar arrived_bytes: the payload of those.
    :ivar all_sent_messages: all that was sent.
    :ivar all_sent_bytes: the payload of those.
    :ivar received_binary: how many binary messages the handler has received.
    :ivar sent_binary: how many binary messages were sent.
    """

    __slots__ = (
        "_left_out_bytes",
        "_left_out_messages",
        "_sent_before",
        "all_sent_bytes",
        "all_sent_messages",
        "arrived_bytes",
        "arrived_messages",
        "received_binary",
        "sent_binary",
    )

    def __init__(self, arrived: tuple[int, int] = (0, 0), sent: tuple[int, int] = (0, 0)) -> None:
        self.arrived_messages, self.arrived_bytes = arrived
        self._left_out_messages, self._left_out_bytes = arrived
        self.all_sent_messages, self.all_sent_bytes = self._sent_before = sent
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
        return self.all_sent_messages - self._sent_before[0]

    @property
    def sent_bytes(self) -> int:
        """How many bytes of payload they have."""
        return self.all_sent_bytes - self._sent_before[1]

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

    def note_sent(self, first: int, messages: int, size: int) -> None:
        """Count a message that was sent.

        :param first: the first byte of its first frame.
        :param messages: how many messages were sent, this one included.
        :param size: how many bytes of payload they have.
        """
        if first & BINARY:
            self.sent_binary += 1
        self.all_sent_bytes = size
        self.all_sent_messages = messages
