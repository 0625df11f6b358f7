"""Observers: what an application may learn of its WebSockets, without being asked by them.

An application has any number of :class:`Observer` objects; see :func:`observe`. They learn of every
upgrade request. For each connection that opens, an observer may return a :class:`Watch`, which
learns of this connection only.

An observer does not decide anything. If one of its methods raises an exception, that is logged, and
the connection goes on.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from flask_echo.websocket.transport import Transport

if TYPE_CHECKING:
    from flask_echo.websocket.connection import Connection
    from flask_echo.websocket.refusal import Refusal

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Watch:
    """Learns of one connection. The thread that owns the connection calls these."""

    def transport(self, transport: Transport) -> Transport:
        """Return the transport that the connection uses: this one, or one around it."""
        return transport

    def read_ahead(self, data: bytes) -> None:
        """The HTTP server has read these bytes beyond the request."""

    def opening(self, connection: "Connection") -> None:
        """The 101 is about to be sent. From here on, the connection can count its messages; see
        :meth:`Connection.count_messages`."""

    def closed(self, connection: "Connection") -> None:
        """The connection has ended. Its seat is free already."""


class Observer:
    """Learns of upgrade requests. The thread of the request calls these."""

    def refused(self, environ: Mapping[str, Any], refusal: "Refusal") -> None:
        """A request at the address of a WebSocket is about to get an HTTP error of the library, or
        of :meth:`Sock.refuse`."""

    def failed(self, environ: Mapping[str, Any], status: int) -> None:
        """A request at the address of a WebSocket gets an HTTP error, whoever made it.

        This includes the refusals. Others come from a decorator, from ``before_request``, or from a
        failed hook.
        """

    def upgrading(self, environ: Mapping[str, Any]) -> Watch | None:
        """A good upgrade request has a seat. Return what shall watch its connection, or None."""
        return None


def safely(call: Callable[..., T], *arguments: object) -> T | None:
    """Call a method of an observer; log what it raises."""
    try:
        return call(*arguments)
    except Exception:
        _log.exception("An observer of WebSockets failed.")
        return None


def watches_of(observers: Iterable[Observer], environ: Mapping[str, Any]) -> list[Watch]:
    """Ask all observers what shall watch a connection."""
    found = [safely(observer.upgrading, environ) for observer in observers]
    return [watch for watch in found if watch is not None]
