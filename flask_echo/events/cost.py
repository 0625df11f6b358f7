"""What a client's way to follow a stream has cost so far, in JSON."""

from typing import NamedTuple

# Wide enough for ten gigabytes and for a day.
_BYTES_WIDTH = 10
_SECONDS_WIDTH = 12


class Cost(NamedTuple):
    """Bytes as this server's socket has seen them, and CPU time of the thread.

    :ivar received_bytes: from the client: the head and body of requests, and frames.
    :ivar sent_bytes: to the client.
    :ivar cpu_seconds: of the thread, in seconds.
    """

    received_bytes: int
    sent_bytes: int
    cpu_seconds: float

    def json(self) -> str:
        """Return a JSON object whose length is always the same.

        An answer that contains its own size could not be written otherwise. JSON allows spaces
        after a number (RFC 8259, section 2).
        """
        return (
            f'{{"received_bytes":{self.received_bytes:<{_BYTES_WIDTH}d}'
            f',"sent_bytes":{self.sent_bytes:<{_BYTES_WIDTH}d}'
            f',"cpu_seconds":{f"{self.cpu_seconds:.6f}":<{_SECONDS_WIDTH}}}}'
        )


UNKNOWN = "null"
