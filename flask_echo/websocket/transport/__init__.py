"""The socket of a connection, with time limits for reading and sending.

Two transports have one contract. :class:`KernelTimedTransport` blocks in the kernel, and
``SO_RCVTIMEO`` and ``SO_SNDTIMEO`` keep the time. That costs nothing per message; ``settimeout``
would cost a ``poll`` each, about a tenth of the throughput. Those options do nothing through
``ssl``, and their details are Linux's. So :class:`PolledTransport` serves everything else.
"""

import socket
import ssl
import sys

from flask_echo.websocket.transport.base import Deadline, SendTimeout, Transport, Woken
from flask_echo.websocket.transport.kernel_timed import KernelTimedTransport
from flask_echo.websocket.transport.polled import PolledTransport

__all__ = ["Deadline", "SendTimeout", "Transport", "Woken", "open_transport"]


def open_transport(sock: socket.socket, send_timeout: float, wake_grace: float) -> Transport:
    """Choose the transport for ``sock``; see :class:`Transport` for the arguments."""
    is_tcp = sock.family in (socket.AF_INET, socket.AF_INET6)
    if sys.platform == "linux" and is_tcp and not isinstance(sock, ssl.SSLSocket):
        return KernelTimedTransport(sock, send_timeout, wake_grace)
    return PolledTransport(sock, send_timeout, wake_grace)
