"""Registering routes: what is refused at once, and what the host application keeps."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from flask import Blueprint, Flask, Response
from werkzeug.test import create_environ, run_wsgi_app

from flask_echo.websocket import Connection, Sock
from flask_echo.websocket.servers import EXEMPT_KEY, HUNG_UP_KEY
from tests.support.clients import UPGRADE


def handler(ws: Connection) -> None:
    """Do nothing."""


@contextmanager
def ended_peer() -> Iterator[socket.socket]:
    """A connected socket whose peer has ended its side."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.shutdown(socket.SHUT_WR)
        yield ours


def test_a_coroutine_function_is_no_handler() -> None:
    async def wrong(ws: Connection) -> None:
        """Never awaited."""

    with pytest.raises(TypeError, match="wrong: a handler is a plain function"):
        Sock(Flask("host")).route("/ws")(wrong)


@pytest.mark.parametrize("methods", [["HEAD"], ["GET", "POST"], []])
def test_methods_that_no_websocket_has_are_refused(methods: list[str]) -> None:
    with pytest.raises(ValueError, match="GET"):
        Sock(Flask("host")).route("/ws", methods=methods)(handler)


def test_the_method_get_may_be_named() -> None:
    app = Flask("host")
    Sock(app).route("/ws", methods=["get", "HEAD"])(handler)
    assert app.test_client().get("/ws").status_code == 426


def test_the_decorator_returns_the_handler() -> None:
    assert Sock(Flask("host")).route("/ws")(handler) is handler


def test_two_routes_of_one_name_need_endpoints() -> None:
    sock = Sock(Flask("host"))
    sock.route("/one")(handler)
    with pytest.raises(AssertionError, match="handler"):
        sock.route("/two")(handler)
    sock.route("/two", endpoint="two")(handler)


def test_the_host_keeps_its_handlers_and_hooks() -> None:
    app = Flask("host")
    sock = Sock(app)
    sock.route("/ws")(handler)
    blueprint = Blueprint("bp", "host")
    sock.route("/bp", bp=blueprint)(handler)
    app.register_blueprint(blueprint)
    assert app.error_handler_spec.get(None, {}) == {}
    assert app.teardown_request_funcs == {}
    assert app.url_value_preprocessors == {}
    # One answers requests that are no upgrade requests, one tells observers of errors.
    assert [len(functions) for functions in app.before_request_funcs.values()] == [1]
    assert [len(functions) for functions in app.after_request_funcs.values()] == [1]


def test_a_blueprint_works_without_init_app() -> None:
    """As in flask-sock, where ``init_app`` is needed for routes without a blueprint only."""
    sock, app = Sock(), Flask("host")
    blueprint = Blueprint("bp", "host")
    sock.route("/ws", bp=blueprint)(handler)
    app.register_blueprint(blueprint, url_prefix="/below")
    assert app.test_client().get("/below/ws").status_code == 426


def test_one_sock_serves_several_applications() -> None:
    sock = Sock()
    sock.route("/ws")(handler)
    for name in ("one", "two"):
        app = Flask(name)
        sock.init_app(app)
        assert app.test_client().get("/ws").status_code == 426
        assert app.test_client().get("/other").status_code == 404


@pytest.mark.parametrize("path", ["/ws/", "/ws"])
def test_redirects_and_errors_of_the_host_stay_as_they_are(path: str) -> None:
    app = Flask("host")

    @app.get("/page/")
    def page() -> str:
        return "page"

    Sock(app).route(path)(handler)
    client = app.test_client()
    assert client.get("/page").status_code == 308
    assert client.post("/page/").status_code == 405
    assert client.get("/nowhere").status_code == 404
    assert client.get(path).status_code == 426
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
    assert client.get("/page/", headers=upgrade).status_code == 400  # Flask's own.


def test_the_host_sees_the_end_of_a_websocket() -> None:
    app, seen = Flask("host"), list[object]()
    Sock(app).route("/ws")(handler)
    app.teardown_request(lambda _: seen.append("teardown"))
    noted = partial(seen.append, "hung up")

    @app.after_request
    def after(response: Response) -> Response:
        seen.append(response.status_code)
        response.headers["X-After"] = "yes"
        response.call_on_close(lambda: seen.append("closed"))
        return response

    with ended_peer() as ours:
        keys = {EXEMPT_KEY: lambda: True, HUNG_UP_KEY: noted, "gunicorn.socket": ours}
        environ = create_environ("/ws", headers=UPGRADE) | keys
        body, status, headers = run_wsgi_app(app, environ)
    assert list(body) == []
    assert status == "101 SWITCHING PROTOCOLS"
    assert headers["X-After"] == "yes"
    body.close()  # type: ignore[attr-defined]
    assert seen == ["hung up", 101, "teardown", "closed"]
