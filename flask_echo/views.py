"""The blueprint: the page, the health of the worker, and the WebSocket routes."""

from http import HTTPStatus

from flask import Blueprint, Response, current_app, jsonify, render_template, request
from werkzeug.exceptions import HTTPException, InternalServerError, MethodNotAllowed, NotFound
from werkzeug.http import parse_date
from werkzeug.routing.exceptions import WebsocketMismatch

from flask_echo import conversation, inspection
from flask_echo.config import Settings
from flask_echo.diagnosis.book import book_json
from flask_echo.pages import asset_by_query, page_values, prefers_a_page
from flask_echo.problem import respond
from flask_echo.simulation.route import echo_with_faults, refuse_faults, upgrade_with_faults
from flask_echo.traces.ids import id_in
from flask_echo.websocket import Connection, Refusal, Sock, Upgrade
from flask_echo.websocket.extension import install
from flask_echo.websocket.handshake import is_attempt
from flask_echo.websocket.headers import environ_key, printable

bp = Blueprint("echo", __name__)
inspection_bp = Blueprint("inspection", __name__)  # Not registered if the setting INSPECT is off.
sock = Sock(respond=respond)
bp.app_context_processor(page_values)

# No inline script or style, and nothing from elsewhere. The style sheet has icons as data: images.
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src {connect}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

# Whether / and /default.html respond with the page depends on these headers (handshake.is_attempt,
# and Flask's routing). Connection does not count, because no cache may forward it.
_PAGE_VARIES_WITH = (
    "Upgrade", "Sec-WebSocket-Version", "Sec-WebSocket-Key", "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Extensions",
)  # fmt: skip


# Headers with a date that werkzeug parses.
_DATES = ("If-Modified-Since", "If-Unmodified-Since", "If-Range")


def _settings() -> Settings:
    settings: Settings = current_app.extensions["flask_echo"]
    return settings


def _simulate_at_echo(upgrade: Upgrade) -> Upgrade | Refusal:
    return echo_with_faults(upgrade) if _settings().rehearsals else refuse_faults(upgrade)


def _check_inspection(upgrade: Upgrade) -> Upgrade | Refusal:
    if inspection.is_of_another_site(request, _settings()):
        return inspection.ANOTHER_SITE
    return upgrade_with_faults(upgrade) if _settings().rehearsals else refuse_faults(upgrade)


@sock.route("/WS.ashx", bp=bp)
def hello(ws: Connection) -> None:
    """Send a greeting, and answer each text with itself and "back", in JSON."""
    conversation.hello(ws)


@sock.route("/echo", bp=bp, hook=_simulate_at_echo)
@sock.route("/", bp=bp, endpoint="bare")
def echo(ws: Connection) -> None:
    """Return every message unchanged. ``/echo`` also simulates the faults in its query."""
    conversation.echo(ws)


@sock.route("/inspect", bp=inspection_bp, hook=_check_inspection)
def inspect(ws: Connection) -> None:
    """Report the upgrade request as it arrived, and the 101."""
    conversation.tell(ws, inspection.report(request, ws, _settings()))


@bp.get("/")
@bp.get("/default.html")
def page() -> Response:
    """Show the page, or explain an upgrade request that lost some of its headers."""
    if request.path == "/" and is_attempt(request.environ):
        return sock.explain()
    response = asset_by_query() or _page()
    response.headers["Cache-Control"] = "no-cache"
    response.vary.update(_PAGE_VARIES_WITH)
    return response


def _page() -> Response:
    # A proxy asks for "/" also where the browser is at a prefix without its slash.
    return Response(
        render_template(
            "index.html", features=_features(_settings()), may_lack_slash=request.path == "/"
        )
    )


def _features(settings: Settings) -> dict[str, bool]:
    """Return what is turned on, for the page: see static/js/common/features.js."""
    return {
        "inspect": settings.inspect,
        "faults": settings.rehearsals,
        "events": settings.events,
        "traces": settings.traces != "off",
        "foreign": settings.foreign_addresses,
    }


@bp.get("/diagnosis.json")
def diagnosis() -> Response:
    """Give the page the rules, signatures and cures of the diagnosis."""
    response = Response(book_json(), mimetype="application/json")
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    response.make_conditional(request)
    return response


@bp.get("/healthz")
def health() -> tuple[Response, int]:
    """Show the load of this worker, for load balancers and people."""
    seats = install(current_app).seats.occupancy()
    # Full is no failure: a load balancer must not end the connections that hold the seats.
    full = seats.seats_taken >= seats.capacity
    status = "draining" if seats.draining else "full" if full else "ok"
    response = jsonify(status=status, **seats._asdict())
    response.headers["Cache-Control"] = "no-store"
    return response, 503 if seats.draining else 200


@bp.get("/healthz/live")
def live() -> Response:
    """Say that this worker works, also while it drains, to whoever would restart it."""
    response = jsonify(status="live")
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.get("/favicon.ico")
def favicon() -> Response:
    """Serve the icon to browsers that look for it here, as they do beside an error."""
    return current_app.send_static_file("favicon.svg")


@bp.app_errorhandler(WebsocketMismatch)
def no_websocket(error: WebsocketMismatch) -> Response:
    """Say where the WebSockets are."""
    return sock.refuse(
        Refusal(400, "There is no WebSocket at this address.", _others(), problem="path")
    )


@bp.app_errorhandler(NotFound)
def nothing_here(error: NotFound) -> Response:
    """Say where the WebSockets are, if the request wants one or has a trace. Else show a page."""
    environ = request.environ
    detail = f"There is nothing at {printable(request.path, 200)}."
    if is_attempt(environ) or id_in(environ.get("QUERY_STRING", "")) is not None:
        return sock.refuse(Refusal(404, detail, _others(), problem="path"))
    return asset_by_query() or _error(error, f"{detail} A proxy may have changed the path.")


@bp.app_errorhandler(MethodNotAllowed)
@bp.app_errorhandler(InternalServerError)
def failed(error: HTTPException) -> Response:
    """Show an error that says nothing about WebSockets."""
    return _error(error, error.description)


def _error(error: HTTPException, detail: str | None) -> Response:
    """Respond with a page for people, and with werkzeug's default for programs."""
    response = current_app.make_response(error)
    if prefers_a_page():
        title = f"{error.code} {error.name}"
        response.set_data(render_template("error.html", title=title, detail=detail))
    response.vary.add("Accept")
    return response


def _others() -> str:
    others = "/echo, /WS.ashx and /inspect" if _settings().inspect else "/echo and /WS.ashx"
    return f"There are WebSockets at /, {others}. A proxy may have changed the path."


@bp.before_app_request
def refuse_impossible_dates() -> tuple[str, int] | None:
    """Refuse a date that Python cannot represent. werkzeug would raise an OverflowError."""
    environ = request.environ
    for name in _DATES:
        try:
            parse_date(environ.get(environ_key(name)))
        except OverflowError:
            return f"400: {name} has a date that is out of range.\n", 400
    return None


@bp.after_app_request
def secure(response: Response) -> Response:
    """Add the headers that limit what a browser does with a response."""
    if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
        return response  # It has been sent.
    response.headers["Flask-Echo"] = "1"  # The diagnosis knows the service's responses by it.
    # Talk can connect to other servers.
    connect = "'self' ws: wss:" if _settings().foreign_addresses else "'self'"
    response.headers["Content-Security-Policy"] = _CONTENT_SECURITY_POLICY.format(connect=connect)
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
