"""What a request costs, counted at its socket in the worker.

:mod:`flask_echo.offers` offers a :class:`Meter` for each request, under :data:`KEY` of the WSGI
environment. A request for which no application asks for one costs a reading of the thread's clock.

The worker imports this module after its fork.
"""

import socket
from collections.abc import Callable
from time import thread_time
from typing import Any, cast

from gunicorn.http.wsgi import Response

KEY = "flask_echo.meter"


class Meter:
    """Counts bytes and CPU time of one request, in the thread that serves it.

    :param response: gunicorn's response, not begun yet.
    :param received: returns the bytes of the request that were taken from the socket.
    :param began: :func:`time.thread_time` at the beginning of the request.
    """

    def __init__(self, response: Response, received: Callable[[], int | None], began: float):
        self._response = response
        self._received = received
        self._began = began
        self._socket: _CountingSocket | None = None

    def received_bytes(self) -> int | None:
        """Return how many bytes of the request have been taken from the socket: its head, and the
        part of its body that was read. None if that is unknown."""
        return self._received()

    def cpu_seconds(self) -> float:
        """Return the CPU time that this thread has used for the request so far."""
        return thread_time() - self._began

    def head_bytes(self, status: str, headers: list[tuple[str, str]]) -> int:
        """Return the length of the head that gunicorn would write for a response.

        :param status: such as ``200 OK``.
        :param headers: those of the application.
        """
        probe = Response(self._response.req, self._response.sock, self._response.cfg)
        probe.must_close = self._response.must_close
        probe.start_response(status, headers)
        lines = [*probe.default_headers(), *(f"{k}: {v}\r\n" for k, v in probe.headers)]
        return len("".join(lines)) + len("\r\n")

    def count_sent(self) -> None:
        """Count what is written from now on. Call it before the response begins."""
        self._socket = _CountingSocket(self._response.sock)
        self._response.sock = cast(socket.socket, self._socket)

    def sent_bytes(self) -> int:
        """Return how many bytes were written since :meth:`count_sent`."""
        return self._socket.sent if self._socket is not None else 0

    def close_afterwards(self) -> None:
        """Close the connection after the response. Call it before the response begins."""
        self._response.force_close()


class _CountingSocket:
    """The part of a socket that gunicorn's response uses, which counts."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.sent = 0

    def sendall(self, data: bytes) -> None:
        self._sock.sendall(data)
        self.sent += len(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)
