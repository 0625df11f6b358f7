"""Two applications below one WSGI server, one of them wrapped."""

from flask import Flask, current_app, jsonify
from flask.wrappers import Response
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_echo.websocket import Connection, Sock

sock = Sock()


@sock.route("/rooms/<name>")
def room(ws: Connection, name: str) -> None:
    while True:
        ws.send(f"{current_app.name} {name}: {ws.receive()!s}")


def make(name: str) -> Flask:
    app = Flask(name)
    app.config["SOCK_SERVER_OPTIONS"] = {"max_connections": 10}
    sock.init_app(app)
    return app


top = Flask("top")


@top.get("/healthz")
def health() -> Response:
    return jsonify(ok=True)


application = DispatcherMiddleware(top, {"/one": make("one"), "/two": ProxyFix(make("two"))})
