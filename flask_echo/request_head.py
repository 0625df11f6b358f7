"""Read the head of a request in pieces that grow, and no more than a limit.

gunicorn copies and searches its whole buffer after each piece that arrives. With its default limits
a head may have 819 KB. Thirty peers that sent such heads byte by byte kept the worker busy.

The worker imports this module after its fork, through :mod:`flask_echo.worker`.
"""

import socket
from typing import Any

from gunicorn.http import RequestParser
from gunicorn.http.errors import LimitRequestHeaders
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn

# Up to this size, each piece goes to the parser as it arrives, so that a bad start is answered at
# once. More than a common head has: browsers send about 1 KiB, and cookies.
_SMALL_BYTES = 16 * 1024

_END = b"\r\n\r\n"


class HeadReader(SocketUnreader):
    """Reads from a socket: a head in growing pieces, and a body as it arrives.

    :param limit: the most bytes of a head; None leaves that to gunicorn.
    """

    def __init__(self, sock: socket.socket, limit: int | None) -> None:
        super().__init__(sock)
        self._limit = limit
        self.begin_head()

    def begin_head(self) -> None:
        """Expect the head of the next request."""
        self._in_head = True
        self._delivered = 0
        self._body_bytes = 0
        self._buffered = self._buffer_bytes()
        self._tail = b""

    def end_head(self) -> None:
        """Expect a body."""
        self._in_head = False

    def request_bytes(self) -> int:
        """Return how many bytes of this request were taken, and of what was read ahead and taken.

        What is still in the buffer belongs to the next request.
        """
        return self._buffered + self._delivered + self._body_bytes - self._buffer_bytes()

    def _buffer_bytes(self) -> int:
        return self.buf.getbuffer().nbytes

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return the next piece; empty at the end of the stream.

        :raises LimitRequestHeaders: if the head is longer than the limit. gunicorn answers 431.
        """
        if not self._in_head:
            # The types are of gunicorn 26.
            data: bytes = super().chunk(size_hint)  # type: ignore[call-arg]
            self._body_bytes += len(data)
            return data
        piece = self._piece()
        self._delivered += len(piece)
        if self._limit is not None and self._delivered > self._limit and _END not in piece:
            raise LimitRequestHeaders(f"the request has more than {self._limit} bytes of header")
        return piece

    def _piece(self) -> bytes:
        """Read as much as the parser has already, or until the head or the stream ends, or until
        the head is longer than the limit.

        So all pieces together cost no more than the head itself, twice.
        """
        piece = bytearray()
        wanted = self._delivered if self._delivered > _SMALL_BYTES else 1
        if self._limit is not None:
            wanted = min(wanted, self._limit + 1 - self._delivered)
        while len(piece) < wanted:
            data = super().chunk()
            piece += data
            ended = not data or _END in self._tail + data
            self._tail = (self._tail + data)[-len(_END) + 1 :]
            if ended:
                break
        return bytes(piece)


class HttpConnection(TConn):
    """A connection of the threaded worker, whose HTTP/1 parser reads through a HeadReader.

    :param head_limit: the most bytes of a head; None leaves that to gunicorn.
    """

    def __init__(
        self, cfg: Any, sock: socket.socket, client: Any, server: Any, head_limit: int | None
    ) -> None:
        super().__init__(cfg, sock, client, server)
        self._head_limit = head_limit
        self._reader: HeadReader | None = None

    def init(self) -> None:
        """Make the parser, once. A pool thread calls this."""
        super().init()
        if self._reader is None and type(self.parser) is RequestParser:
            self._reader = HeadReader(self.sock, self._head_limit)
            self._reader.unread(self.parser.unreader.take_buffered())
            self.parser.unreader = self._reader

    def begin_head(self) -> None:
        """Expect the head of the next request."""
        if self._reader is not None:
            self._reader.begin_head()

    def end_head(self) -> None:
        """The head has arrived. A body may follow."""
        if self._reader is not None:
            self._reader.end_head()

    def request_bytes(self) -> int | None:
        """See :meth:`HeadReader.request_bytes`; None if another parser reads the requests."""
        return None if self._reader is None else self._reader.request_bytes()
