"""WebSocket routes: check, seat and serve, or refuse.

:class:`Sock` keeps the contract of flask-sock's class of that name. A route made here answers
good upgrade requests with a conversation. It answers all others with an HTTP error, unless the
application has an ordinary view at the same address.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial, update_wrapper
from inspect import iscoroutinefunction
from time import monotonic
from typing import Any, TypeVar, cast

from flask import Blueprint, Flask, Response, current_app, request
from flask.sansio.blueprints import BlueprintSetupState
from flask_sock import Sock as FlaskSock
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import Rule
from werkzeug.routing.exceptions import RoutingException, WebsocketMismatch

from flask_echo.websocket import handshake
from flask_echo.websocket.budget import Account
from flask_echo.websocket.clients import client_of
from flask_echo.websocket.connection import Connection
from flask_echo.websocket.extension import install
from flask_echo.websocket.limits import Limits
from flask_echo.websocket.observers import safely, watches_of
from flask_echo.websocket.refusal import (
    NO_SEAT,
    NO_THREAD,
    Refusal,
    Respond,
    respond,
    too_fast,
    too_many,
)
from flask_echo.websocket.seats import NoSeat
from flask_echo.websocket.servers import EXEMPT_KEY, check_server
from flask_echo.websocket.serving import (
    AlreadyAnswered,
    Handler,
    Upgrade,
    note_end,
    open_connection,
    serve,
)

# The status codes of errors begin here (RFC 9110, section 15).
_LEAST_ERROR = 400

# The key in the environment of a request that gets an error: it was refused by :meth:`Sock.refuse`,
# or the observers know of it.
_ERROR_KEY = "flask_echo.error"
_REFUSED, _TOLD = "refused", "told"

# How many wrappers around a view are looked through. Wrappers may form a circle.
_MOST_WRAPPERS = 20

H = TypeVar("H", bound=Handler)
View = Callable[..., Any]
Hook = Callable[[Upgrade], Upgrade | Refusal]


class Sock(FlaskSock):
    """Registers WebSocket routes on an application or a blueprint, as flask-sock does.

    :param app: the application; without it, call :meth:`init_app` later.
    :param respond: makes the HTTP response of a refusal; the default is JSON (RFC 9457).
    """

    def __init__(self, app: Flask | None = None, respond: Respond = respond) -> None:
        self._respond = respond
        self._views: list[View] = []
        super().__init__(app)

    def init_app(self, app: Flask, limits: Limits | None = None) -> None:
        """Register the routes made so far, and give ``app`` its limits and seats.

        :param limits: used for every limit that ``SOCK_SERVER_OPTIONS`` does not set; by default
            those of the environment variables.
        :raises OptionError: if an environment variable or an option is not allowed.
        """
        install(app, limits)
        self._register(app)
        super().init_app(app)

    def route(
        self,
        path: str,
        bp: Blueprint | None = None,
        *,
        decorators: Iterable[Callable[[View], View]] = (),
        hook: Hook | None = None,
        **options: Any,
    ) -> Callable[[H], H]:
        """Make the decorated function the handler of WebSockets at ``path``.

        The handler gets the connection, and the variables of the URL. The connection is closed
        when the handler returns.

        :param bp: the blueprint of the route; by default the application.
        :param decorators: decorate the view, the first one innermost. They run before the
            upgrade, so that ``login_required`` can refuse.
        :param hook: gets the :class:`Upgrade` of each good upgrade request, and returns the one
            to carry out, or a :class:`Refusal`.
        :param options: those of :meth:`flask.Flask.route`.
        :raises ValueError: if ``methods`` lacks GET, the method of every WebSocket.
        :raises TypeError: if the handler is a coroutine function.
        """
        methods = options.pop("methods", None)
        if methods is not None:
            options["methods"] = [method.upper() for method in methods]
            if "GET" not in options["methods"]:
                raise ValueError(f"methods={options['methods']}: a WebSocket needs GET")

        def register(handler: H) -> H:
            if iscoroutinefunction(handler):
                raise TypeError(f"{_name(handler)}: a handler is a plain function, not async")
            view = self._view(handler, hook)
            for decorator in decorators:
                view = decorator(view)
            self._views.append(view)
            rule = {"endpoint": _name(handler), "provide_automatic_options": False, **options}
            self._target(bp).add_url_rule(path, view_func=view, websocket=True, **rule)
            return handler

        return register

    def _view(self, handler: Handler, hook: Hook | None) -> View:
        def view(**variables: Any) -> Response:
            return self._answer(partial(_call, handler, variables), hook)

        return cast(View, update_wrapper(view, handler))

    def _target(self, bp: Blueprint | None) -> Flask | Blueprint:
        """Where the next route goes. Without an application, a blueprint keeps it, as in
        flask-sock."""
        if bp is not None:
            bp.record_once(self._prepare)
            return bp
        if self.app is not None:
            return self.app
        if self.bp is None:
            self.bp = Blueprint("__flask_sock", __name__)
        return self.bp

    def _prepare(self, state: BlueprintSetupState) -> None:
        """Serve an application that registers our blueprint, and never saw :meth:`init_app`."""
        app = cast(Flask, state.app)
        install(app)
        self._register(app)

    # -- Requests that are no upgrade requests ---------------------------------------------

    def _register(self, app: Flask) -> None:
        if self._answer_mismatch not in app.before_request_funcs.get(None, ()):
            app.before_request(self._answer_mismatch)
            app.after_request(self._tell_error)

    def _answer_mismatch(self) -> Response | None:
        """Refuse a request to the address of our route that the route does not match.

        Such a request lacks part of the upgrade, or has another method. An ordinary view at the
        same address would have matched, or has its own answer to other methods.
        """
        return self.explain() if self._is_mismatch() else None

    def _is_mismatch(self) -> bool:
        error = request.routing_exception
        if not isinstance(error, WebsocketMismatch | MethodNotAllowed):
            return False
        rule = _match("GET", websocket=True)
        if rule is None or not self._is_ours(current_app.view_functions.get(rule.endpoint)):
            return False
        others = error.valid_methods or () if isinstance(error, MethodNotAllowed) else ()
        return not any(_match(method, websocket=False) for method in others)

    def _is_ours(self, view: View | None) -> bool:
        """Return whether a view is one of our routes, also if an extension has wrapped it."""
        for _ in range(_MOST_WRAPPERS):
            if any(view is ours for ours in self._views):
                return True
            view = getattr(view, "__wrapped__", None)
        return False

    def explain(self) -> Response:
        """Respond to the current request with the reason why it opens no WebSocket.

        This is for an ordinary view at the address of a WebSocket route, which gets upgrade
        requests that lost a header on their way.
        """
        return self.refuse(handshake.check(request.environ, None) or _UNUSUAL_UPGRADE)

    def refuse(self, refusal: Refusal) -> Response:
        """Respond to the current request with ``refusal``, and tell the observers."""
        request.environ.setdefault(_ERROR_KEY, _REFUSED)
        for observer in install(current_app).observers:
            safely(observer.refused, request.environ, refusal)
        return self._respond(refusal)

    def _tell_error(self, response: Response) -> Response:
        """Tell the observers of an error response, once, whoever made it."""
        if response.status_code >= _LEAST_ERROR and (observers := install(current_app).observers):
            environ = request.environ
            if self._is_for_websocket(environ.get(_ERROR_KEY)):
                environ[_ERROR_KEY] = _TOLD
                for observer in observers:
                    safely(observer.failed, environ, response.status_code)
        return response

    def _is_for_websocket(self, error: str | None) -> bool:
        """Return whether a failed request was for a WebSocket, and nobody knows of it yet."""
        if error is not None:
            return error == _REFUSED
        rule = request.url_rule
        if rule is None:
            return self._is_mismatch()
        return bool(rule.websocket) and self._is_ours(current_app.view_functions.get(rule.endpoint))

    # -- Upgrade requests ------------------------------------------------------------------

    def _answer(self, handler: Handler, hook: Hook | None) -> Response:
        """Answer the current request: with the conversation, or with the reason for none."""
        environ = request.environ
        extension = install(current_app)
        limits = extension.limits()
        client = client_of(request.remote_addr)
        rate = limits.max_handshakes_per_second_per_client
        if wait := extension.handshakes.admit(client, rate):
            return self.refuse(too_fast(rate, wait))
        refusal = handshake.check(environ, limits.allowed_origins) or check_server(environ)
        if refusal is not None:
            return self.refuse(refusal)
        upgrade = Upgrade(handler, limits, extension.subprotocols())
        wanted = hook(upgrade) if hook else upgrade
        if isinstance(wanted, Refusal):
            return self.refuse(wanted)
        share = limits.max_connections_per_client
        connection, began = None, 0.0
        try:
            with extension.seats.take(client, share) as seat:
                if isinstance(seat, NoSeat):
                    return self.refuse(NO_SEAT if seat is NoSeat.FULL else too_many(share))
                if not _may_keep_thread(environ):
                    return self.refuse(NO_THREAD)
                watches = [*wanted.watches, *watches_of(extension.observers, environ)]
                account = Account(extension.budget, client)
                connection = open_connection(environ, wanted, account, watches)
                began = monotonic()
                extension.seats.occupy(seat, connection)
                serve(wanted.handler, connection)
        finally:
            # The seat is free before its line is written: a log may block.
            if connection is not None:
                note_end(connection, began)
        return AlreadyAnswered()


_UNUSUAL_UPGRADE = Refusal(
    400,
    "Upgrade must be 'websocket' and nothing else.",
    "RFC 6455 allows a list, but this server does not route it. No known client sends one.",
    problem="no-upgrade",
)


def _call(handler: Handler, variables: Mapping[str, Any], connection: Connection) -> None:
    handler(connection, **variables)


def _name(handler: Handler) -> str:
    """The endpoint of a handler: its own name, or that of its function or class."""
    if isinstance(handler, partial):
        return _name(handler.func)
    return str(getattr(handler, "__name__", type(handler).__name__))


def _match(method: str, websocket: bool) -> Rule | None:
    """Return the rule that the current address would have with another method or scheme."""
    adapter = current_app.create_url_adapter(request)
    assert adapter is not None
    try:
        return adapter.match(method=method, websocket=websocket, return_rule=True)[0]
    except (HTTPException, RoutingException):
        return None


def _may_keep_thread(environ: Mapping[str, Any]) -> bool:
    exempt = environ.get(EXEMPT_KEY)
    return exempt is None or exempt() is not False
