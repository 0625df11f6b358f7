"""The socket with clocks: reads that end in time, writes that notice a peer gone deaf.

There are two transports, with one contract. :class:`TimeoutTransport` blocks in the kernel and
lets ``SO_RCVTIMEO`` and ``SO_SNDTIMEO`` keep the time, which costs nothing per message
(``settimeout`` costs a ``poll`` each, about a tenth of the throughput). Those options do
nothing through ``ssl`` and are Linux's in their details, so everything else is served by
:class:`PollTransport`, which asks ``poll`` first.
"""

import socket
import ssl
import sys
from collections.abc import Callable

from flask_echo.transport.base import Deadline, SendTimeout, Transport, Woken
from flask_echo.transport.kernel_timed import TimeoutTransport
from flask_echo.transport.polled import PollTransport

__all__ = ["Deadline", "SendTimeout", "Transport", "Woken", "open_transport"]


def open_transport(
    sock: socket.socket, send_timeout: float, wake_grace: float, wake_fd: Callable[[], int]
) -> Transport:
    """Choose the transport for ``sock``; see the classes for the arguments.

    :param wake_fd: gives the descriptor, asked for only where it is needed.
    """
    is_tcp = sock.family in (socket.AF_INET, socket.AF_INET6)
    if sys.platform == "linux" and is_tcp and not isinstance(sock, ssl.SSLSocket):
        return TimeoutTransport(sock, send_timeout, wake_grace)
    return PollTransport(sock, send_timeout, wake_grace, wake_fd())
