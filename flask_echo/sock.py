"""WebSocket routes: check, seat, upgrade, converse, end, log.

flask-sock's :class:`~flask_sock.Sock` with this project's connection. A route made here
answers every request to its address: good upgrade requests with a conversation, all others
with an HTTP error that says why.
"""

import socket
from collections.abc import Callable, Collection
from dataclasses import replace
from time import monotonic
from typing import Any, TypeVar, cast

from flask import Blueprint, Flask, Response, current_app, request
from flask_sock import Sock as FlaskSock
from simple_websocket import ConnectionClosed

from flask_echo import handshake, rehearsal
from flask_echo.config import Settings
from flask_echo.connection import Connection
from flask_echo.extensions import acceptable_offer
from flask_echo.handshake import Refusal
from flask_echo.problem import respond
from flask_echo.rehearsal import Rehearsal, RehearsalError
from flask_echo.seats import Seat, Seats
from flask_echo.state import EXTENSION, State, state
from flask_echo.unruly import UnrulyConnection

C = TypeVar("C", bound=Connection)

# RFC 6455, section 7.4.1: an unexpected condition on the server.
INTERNAL_ERROR = 1011

Handler = Callable[[Connection], None]
Rehearsed = Callable[[UnrulyConnection, Rehearsal], None]

_NO_SEAT = Refusal(
    503,
    "All seats of this worker are taken, or it is about to stop.",
    "Try again in a moment; whoever runs this can raise FLASK_ECHO_MAX_CONNECTIONS.",
    headers={"Retry-After": "2"},
)


class Sock(FlaskSock):
    """Registers WebSocket routes, on a blueprint or on the application.

    :ivar paths: the paths of the routes so far.
    """

    def __init__(self, app: Flask | None = None) -> None:
        self.paths: set[str] = set()
        super().__init__(app)

    def init_app(self, app: Flask, settings: Settings | None = None) -> None:
        """Give ``app`` its settings and its seats.

        :param settings: limits and time-outs of every connection; the defaults if None.
        """
        super().init_app(app)
        settings = settings or Settings()
        app.extensions[EXTENSION] = State(settings, Seats(settings.max_connections))

    def route(  # type: ignore[override]  # The handler's type is narrower: it gets a Connection.
        self,
        path: str,
        bp: Blueprint | None = None,
        query: Collection[str] = (),
        rehearsed: Rehearsed | None = None,
        **options: Any,
    ) -> Callable[[Handler], Handler]:
        """Make the decorated function the conversation of ``path``.

        The function gets the connection, and when it returns the connection is closed. Other
        arguments are those of flask-sock.

        :param query: names of the options that a client may choose (see
            :mod:`flask_echo.rehearsal`); without any, the query is not looked at.
        :param rehearsed: the conversation for those who choose another than the usual one.
        """

        def register(handler: Handler) -> Handler:
            def view() -> Response:
                return serve(handler, query, rehearsed)

            self.paths.add(path)
            target = bp or self.app
            assert target is not None, "init_app() comes first, or pass a blueprint"
            endpoint = options.pop("endpoint", handler.__name__)
            rule = {**options, "view_func": view, "provide_automatic_options": False}
            target.add_url_rule(path, endpoint, websocket=True, **rule)
            # What the WebSocket rule does not match: half an upgrade request, or none at all.
            target.add_url_rule(path, f"{endpoint}_http", **rule)
            return handler

        return register


def serve(
    handler: Handler, query: Collection[str] = (), rehearsed: Rehearsed | None = None
) -> Response:
    """Answer the current request: with the conversation, or with the reason for none."""
    settings, seats = state()
    refusal = handshake.check(request.environ, settings.allowed_origins)
    if refusal is not None:
        return respond(refusal)
    plan = rehearsal.NONE
    if query and request.query_string:
        try:
            plan = rehearsal.parse(request.args.items(multi=True), query)
        except RehearsalError as error:
            return respond(_no_such_rehearsal(error, query))
    with seats.take() as seat:
        if seat is None:
            return respond(_NO_SEAT)
        if plan.is_plain or rehearsed is None:
            _connect(handler, Connection, seat, plan)
        else:
            _connect(lambda peer: rehearsed(peer, plan), UnrulyConnection, seat, plan)
    return _already_answered()


def _no_such_rehearsal(error: RehearsalError, query: Collection[str]) -> Refusal:
    return Refusal(
        400,
        f"The query cannot be rehearsed: {error}.",
        "Choose from what is allowed, each at most once; the server waits, closes or keeps"
        " silent as the query says.",
        allowed={name: rehearsal.ALLOWED[name] for name in query},
    )


def _connect(handler: Callable[[C], None], kind: type[C], seat: Seat, plan: Rehearsal) -> None:
    settings = state().settings
    if not plan.ping:
        settings = replace(settings, ping_interval_seconds=0.0)
    environ = _offering(request.environ, settings.compression and plan.compress)
    sock = _socket_of(environ)
    early = _read_ahead(environ, sock)
    subprotocols = [plan.subprotocol] if plan.subprotocol else []
    connection = kind(sock, environ, settings, seat.wake_fd, early, subprotocols)
    began = monotonic()
    seat.occupy(connection)
    # Our worker limits the time for an answer, and this one has no end.
    if "flask_echo.stays" in environ:
        environ["flask_echo.stays"]()
    try:
        connection.upgrade()
        _converse(handler, connection)
    except ConnectionClosed:
        pass  # However it ended, the connection knows, and the log will say.
    _log(connection, monotonic() - began)


def _converse(handler: Callable[[C], None], connection: C) -> None:
    try:
        handler(connection)
    except ConnectionClosed:
        raise
    except Exception:
        current_app.logger.exception("Error in the conversation of %s", _shown(request.path))
        connection.close(INTERNAL_ERROR, "internal error")
    connection.close()


def _offering(environ: dict[str, Any], compression: bool) -> dict[str, Any]:
    """A copy of ``environ`` that offers the one extension to accept, or none."""
    header = environ.get("HTTP_SEC_WEBSOCKET_EXTENSIONS", "")
    offer = acceptable_offer(header) if compression else None
    return {**environ, "HTTP_SEC_WEBSOCKET_EXTENSIONS": offer}


def _socket_of(environ: dict[str, Any]) -> socket.socket:
    """The socket of the request, which WSGI does not know but these servers hand out."""
    sock = environ.get("gunicorn.socket") or environ.get("werkzeug.socket")
    if sock is None:
        raise RuntimeError("No socket in the WSGI environment: run gunicorn or flask run.")
    return cast(socket.socket, sock)


def _read_ahead(environ: dict[str, Any], sock: socket.socket) -> bytes:
    """What the server has read beyond the request: a client need not wait with its frames.

    It must (RFC 6455, section 4.1), but some do not, and lost frames are hard to find.
    """
    stream = environ["wsgi.input"]
    if "gunicorn.socket" in environ:
        return cast(bytes, stream.reader.unreader.take_buffered())
    sock.setblocking(False)  # With an empty buffer, peek() reads the socket.
    try:
        return cast(bytes, stream.peek())
    except OSError:  # There is nothing yet (TLS says so in this way), or the peer is gone.
        return b""


def _already_answered() -> Response:
    """The response of a request whose answer is over: it names the status for access logs.

    Its bytes go nowhere, because the connection has shut the socket down.
    """
    return Response(status=101)


def _log(connection: Connection, seconds: float) -> None:
    message = connection.close_message
    current_app.logger.info(
        "%s from %s: %.3f s, closed %d%s; in %d messages, %d bytes; out %d messages, %d bytes",
        _shown(request.path),
        _shown(_peer()),
        seconds,
        connection.close_reason,
        f" ({_shown(message)})" if message else "",
        connection.received_messages,
        connection.received_bytes,
        connection.sent_messages,
        connection.sent_bytes,
    )


def _peer() -> str:
    """Who is at the other end; behind proxies that are trusted the port is only theirs."""
    address, port = request.remote_addr or "a Unix socket", request.environ.get("REMOTE_PORT")
    return f"{address} port {port}" if port and not state().settings.trusted_proxies else address


def _shown(text: str) -> str:
    """What comes from a peer, escaped: it must not write lines of its own into a log."""
    return ascii(text)[1:-1]
