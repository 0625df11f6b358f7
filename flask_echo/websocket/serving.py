"""Serves a good upgrade request: opens the connection, calls the handler, ends the connection.

The connection ends with a Close frame, whatever the handler does, and with a line in the log.
"""

import logging
import socket
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any, cast

from flask import Response, current_app, got_request_exception, request
from simple_websocket import ConnectionClosed
from werkzeug.wsgi import ClosingIterator

from flask_echo.websocket import log_fields
from flask_echo.websocket.budget import Account
from flask_echo.websocket.connection import Connection
from flask_echo.websocket.headers import printable
from flask_echo.websocket.limits import Limits
from flask_echo.websocket.observers import Watch, safely
from flask_echo.websocket.servers import HUNG_UP_KEY

# RFC 6455, section 7.4.1: an unexpected condition on the server.
_INTERNAL_ERROR = 1011

Handler = Callable[..., object]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Upgrade:
    """How a route answers one good upgrade request. A hook may return another one.

    :ivar handler: is called with the connection and the variables of the URL.
    :ivar limits: limits and time-outs of this connection.
    :ivar subprotocols: those that the handler speaks.
    :ivar connection_class: the class of the connection.
    :ivar watches: learn of the connection, beside those of the application's observers.
    """

    handler: Handler
    limits: Limits
    subprotocols: Collection[str] = ()
    connection_class: type[Connection] = Connection
    watches: Sequence[Watch] = ()


def open_connection(
    environ: Mapping[str, Any], upgrade: Upgrade, account: Account, watches: Sequence[Watch]
) -> Connection:
    """Make the connection of a request, on the socket that its HTTP server offers.

    :param environ: the environment of a good upgrade request.
    :param account: is charged for the memory of large messages.
    :param watches: learn of the connection.
    """
    sock = cast(socket.socket, environ.get("gunicorn.socket") or environ["werkzeug.socket"])
    early = _read_ahead(environ, sock)
    return upgrade.connection_class(
        sock, environ, upgrade.limits, early, upgrade.subprotocols, account, watches
    )


def _read_ahead(environ: Mapping[str, Any], sock: socket.socket) -> bytes:
    """Return what the HTTP server has read beyond the request.

    A client must wait for the 101 before it sends frames (RFC 6455, section 4.1), but some do
    not. Their lost frames would be hard to find.
    """
    stream = environ["wsgi.input"]
    try:
        if "gunicorn.socket" in environ:
            return cast(bytes, stream.reader.unreader.take_buffered())
        sock.setblocking(False)  # With an empty buffer, peek() reads the socket.
        return cast(bytes, stream.peek())
    except AttributeError:  # A middleware has wrapped the stream. Early frames are lost then.
        return b""
    except OSError:  # Nothing has arrived (TLS reports that in this way), or the peer is gone.
        return b""


def serve(handler: Handler, connection: Connection) -> None:
    """Send the 101, call the handler, and end the connection with a Close frame."""
    try:
        with suppress(ConnectionClosed):
            for watch in connection.watches:
                safely(watch.opening, connection)
            connection.upgrade()
            _call(handler, connection)
    finally:
        # The HTTP server may write a response after this, and it must not reach the peer.
        connection.hang_up()
        if note := connection.environ.get(HUNG_UP_KEY):
            note()


def _call(handler: Handler, connection: Connection) -> None:
    """Call the handler, and close its connection, whatever it raises."""
    try:
        handler(connection)
    except ConnectionClosed as error:
        if connection.connected:
            path = printable(request.path)
            _log.warning("The handler of %s lost another connection: %s", path, error)
        connection.close()
    except BaseException as error:  # Also a SystemExit: the peer gets a Close frame.
        try:
            _report(error)
        finally:  # A receiver of the signal may raise.
            with suppress(ConnectionClosed):
                connection.close(_INTERNAL_ERROR, "internal error")
    else:
        connection.close()


def _report(error: BaseException) -> None:
    """Report a handler's error as Flask reports a view's: log it, and send its signal."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    got_request_exception.send(app, _async_wrapper=app.ensure_sync, exception=error)
    app.log_exception(sys.exc_info())


class AlreadyAnswered(Response):
    """A response that the peer never sees. It names the status for access logs."""

    def __init__(self) -> None:
        super().__init__(status=101)

    def __call__(self, environ: Any, start_response: Any) -> ClosingIterator:
        """Give the server status and headers as they are, and call what waits for the end."""
        start_response(self.status, self.headers.to_wsgi_list())
        return ClosingIterator((), self.close)


def note_end(connection: Connection, began: float) -> None:
    """Log a connection that has ended, and tell its watches.

    :param began: when the conversation began, on the monotonic clock in seconds.
    """
    _log_end(connection, began)
    for watch in connection.watches:
        safely(watch.closed, connection)


def _log_end(connection: Connection, began: float) -> None:
    if not _log.isEnabledFor(logging.INFO):
        return
    seconds = monotonic() - began
    message = connection.close_message
    address = request.remote_addr
    _log.info(
        "%s from %s: %.3f s, closed %d%s; in %d messages, %d bytes; out %d messages, %d bytes",
        printable(request.path),
        printable(_client(address, connection.environ)),
        seconds,
        connection.close_reason,
        f" ({printable(message)})" if message else "",
        connection.received_messages,
        connection.received_bytes,
        connection.sent_messages,
        connection.sent_bytes,
        extra=log_fields.end_of(connection, address, request.path, seconds),
    )


def _client(address: str | None, environ: Mapping[str, Any]) -> str:
    """Name the client. If a proxy is believed about the address, the port is only the proxy's."""
    address, port = address or "a Unix socket", environ.get("REMOTE_PORT")
    proxied = "werkzeug.proxy_fix.orig" in environ
    return f"{address} port {port}" if port and not proxied else address
