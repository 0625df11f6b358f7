"""The blueprint: the page, the health of the worker, and the WebSocket routes."""

from flask import Blueprint, Response, current_app, jsonify, render_template, request
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.routing.exceptions import WebsocketMismatch

from flask_echo import conversation, handshake, inspection, rehearsal
from flask_echo.connection import Connection
from flask_echo.conversation import Peer
from flask_echo.handshake import Refusal
from flask_echo.problem import respond
from flask_echo.sock import Sock, serve
from flask_echo.state import state

bp = Blueprint("echo", __name__)
sock = Sock()

# No inline script or style, nothing from elsewhere; the icons in the style sheet are data: images.
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_NO_WEBSOCKET_HERE = Refusal(
    400,
    "There is no WebSocket at this address.",
    "There are WebSockets at /, /echo, /WS.ashx and /inspect; a proxy may have changed the path.",
)


@sock.route("/WS.ashx", bp=bp)
def hello(peer: Peer) -> None:
    """Greet, and answer each text with itself and "back", in JSON."""
    conversation.hello(peer)


@sock.route("/echo", bp=bp, query=rehearsal.ALLOWED, rehearsed=conversation.rehearse)
def echo(peer: Peer) -> None:
    """Return every message as it came, or in the way that the query asks for."""
    conversation.echo(peer)


@sock.route("/inspect", bp=bp, query=rehearsal.AT_UPGRADE)
def inspect(connection: Connection) -> None:
    """Tell what the application saw of the request, and what it answered."""
    conversation.tell(connection, inspection.report(request, connection, state().settings))


@bp.get("/", websocket=True, provide_automatic_options=False)
def bare() -> Response:
    """Return every message as it came: an echo server is often asked for by its host alone."""
    return serve(conversation.echo)


@bp.get("/")
@bp.get("/default.html")
def page() -> str | Response:
    """Show the page, unless this is an upgrade request that lost some of its headers."""
    if request.path == "/" and handshake.is_attempt(request.environ):
        return serve(conversation.echo)
    return render_template("index.html")


@bp.get("/healthz")
def health() -> tuple[Response, int]:
    """Tell load balancers and people how full this worker is."""
    seats = state().seats.occupancy()
    status = "draining" if seats.draining else "ok"
    answer = jsonify(status=status, **seats._asdict())
    answer.headers["Cache-Control"] = "no-store"
    return answer, 503 if seats.draining else 200


@bp.get("/favicon.ico")
def favicon() -> Response:
    """Serve the icon to browsers that look for it here, as they do beside an error."""
    return current_app.send_static_file("favicon.svg")


@bp.app_errorhandler(MethodNotAllowed)
def wrong_method(error: MethodNotAllowed) -> Response | MethodNotAllowed:
    """Name the one method of a WebSocket where there is one."""
    if request.path in sock.paths or handshake.is_attempt(request.environ):
        return respond(handshake.wrong_method(request.method))
    return error


@bp.app_errorhandler(WebsocketMismatch)
def no_websocket(error: WebsocketMismatch) -> Response:
    """Say where the WebSockets are."""
    return respond(_NO_WEBSOCKET_HERE)


@bp.app_errorhandler(OverflowError)
def impossible_date(error: OverflowError) -> tuple[str, int]:
    """Refuse a date that Python cannot count, which werkzeug passes on from a header."""
    return "400: A header has a date that is out of range.\n", 400


@bp.after_app_request
def secure(response: Response) -> Response:
    """Add to every answer what keeps a browser from doing more than the page needs."""
    response.headers["Content-Security-Policy"] = _CONTENT_SECURITY_POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
