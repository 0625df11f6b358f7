"""A host application that uses only the public names of the library. Tests serve it for real."""

import functools
import json
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    got_request_exception,
    jsonify,
    request,
    url_for,
)

from flask_echo.websocket import (
    Connection,
    ConnectionClosed,
    Refusal,
    Sock,
    Upgrade,
    is_draining,
)

app = Flask(__name__)
sock = Sock()

# -- Routes that are made before init_app ---------------------------------------------------------


@sock.route("/early/<int:number>")
def early(ws: Connection, number: int) -> None:
    ws.send(f"early {number}")


before = Blueprint("before", __name__, url_prefix="/before/<tenant>")
app.config["SOCK_SERVER_OPTIONS"] = {"max_message_size": 300_000}


@sock.route("/rooms/<name>", bp=before)
def tenant_room(ws: Connection, tenant: str, name: str) -> None:
    ws.send(f"{tenant}/{name}")


app.register_blueprint(before)
sock.init_app(app)
app.config["SOCK_SERVER_OPTIONS"]["subprotocols"] = ["chat", "superchat"]

# -- The handler of the README --------------------------------------------------------------------


@sock.route("/rooms/<name>")
@sock.route("/lobby", defaults={"name": "lobby"}, endpoint="lobby")
def room(ws: Connection, name: str) -> None:
    while True:
        ws.send(f"{name}: {ws.receive()!s}")


late = Blueprint("late", __name__, url_prefix="/late")


@late.before_request
def refuse_strangers() -> Response | None:
    return None if request.args.get("key") == "sesame" else Response("locked", 401)


@sock.route("/room", bp=late)
def late_room(ws: Connection) -> None:
    room(ws, "late")


app.register_blueprint(late)

# -- Handlers that are not plain functions --------------------------------------------------------


def greet(greeting: str, ws: Connection, name: str = "") -> None:
    ws.send(f"{greeting} {name}")


sock.route("/partial/<name>")(functools.partial(greet, "hello"))


class Greeter:
    def __call__(self, ws: Connection) -> None:
        ws.send("an object")


sock.route("/object")(Greeter())


def twice(handler: Callable[[Connection], None]) -> Callable[[Connection], None]:
    @functools.wraps(handler)
    def wrapper(ws: Connection) -> None:
        handler(ws)
        handler(ws)

    return wrapper


@sock.route("/wrapped")
@twice
def wrapped(ws: Connection) -> None:
    ws.send("wrapped")


# -- Refusing before the upgrade ------------------------------------------------------------------


@app.before_request
def maintenance() -> tuple[str, int] | None:
    return ("maintenance", 418) if request.args.get("closed") else None


def login_required(view: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(view)
    def checked(**variables: Any) -> Any:
        return view(**variables) if request.args.get("user") else abort(403)

    return checked


@sock.route("/members/<name>", decorators=[login_required])
def members(ws: Connection, name: str) -> None:
    ws.send(f"{request.args['user']} is in {name}")


def choose(upgrade: Upgrade) -> Upgrade | Refusal:
    if request.args.get("colour") == "red":
        return Refusal(409, "Red is taken.", "Choose another colour.")
    return upgrade


@sock.route("/hooked", hook=choose)
def hooked(ws: Connection) -> None:
    ws.send("any colour")


# -- Ordinary views at the same address -----------------------------------------------------------


@app.route("/both", methods=["GET", "POST"])
def both_page() -> str:
    return f"page by {request.method}"


@sock.route("/both")
def both(ws: Connection) -> None:
    ws.send("socket")


@sock.route("/both-too")
def both_too(ws: Connection) -> None:
    ws.send("socket")


@app.get("/both-too")
def both_too_page() -> str:
    return "page"


@app.get("/healthz")
def health() -> Response:
    return jsonify(url=url_for("room", name="x"), threads=threading.active_count())


@app.get("/ready")
def ready() -> tuple[str, int]:
    return ("draining", 503) if is_draining(app) else ("ready", 200)


# -- Ends -----------------------------------------------------------------------------------------


class HostError(BaseException):
    """Not even an Exception."""


@sock.route("/ends/<how>")
def ends(ws: Connection, how: str) -> None:
    ws.send("open")
    if how == "abort":
        abort(404)
    if how == "another":
        raise ConnectionClosed(1001, "the upstream is gone")
    if how == "exit":
        raise SystemExit(1)
    if how == "base":
        raise HostError
    if how == "error":
        raise ValueError("a bug")
    if how == "recursion":
        recurse()


def recurse(*_: object) -> list[int]:
    """Recur through C code, which takes more stack than Python's own calls."""
    return sorted([1], key=recurse)


@sock.route("/reporter")
def reporter(ws: Connection) -> None:
    raise RuntimeError("reported")


@got_request_exception.connect_via(app)
def report(sender: Flask, exception: BaseException, **extra: Any) -> None:
    """An error reporter that fails itself."""
    if str(exception) == "reported":
        raise OSError("the reporter is not reachable")


@app.get("/exit")
def leave() -> str:
    raise SystemExit(1)


@sock.route("/forever")
def forever(ws: Connection) -> None:
    """Ignores everything, the end of the server too."""
    ws.send("open")
    threading.Event().wait()


# -- Sending without receiving --------------------------------------------------------------------


@sock.route("/clock")
def clock(ws: Connection) -> None:
    """Sends until the peer has gone, and never receives."""
    pause = threading.Event()
    number = 0
    while True:
        ws.send(str(number))
        number += 1
        pause.wait(0.02)


notices: "queue.Queue[str]" = queue.Queue()


@sock.route("/watch")
def watch(ws: Connection) -> None:
    """Loops on ``connected``, then returns what had arrived."""
    ws.send("watching")
    pause = threading.Event()
    while ws.connected:
        pause.wait(0.02)
    kept = []
    with suppress(ConnectionClosed):
        while True:
            kept.append(ws.receive())
    notices.put(json.dumps([ws.close_reason, ws.close_message, kept]))


@app.get("/notices")
def take_notice() -> str:
    return notices.get(timeout=10)


@sock.route("/inbox")
def inbox(ws: Connection) -> None:
    """Sends until a word has arrived, and then returns everything that came before it."""
    for number in range(100_000):
        ws.send(str(number))
        if number % 50 == 0 and ws.receive(timeout=0) == "stop":
            return


# -- The promised attributes ----------------------------------------------------------------------


@sock.route("/attributes")
def attributes(ws: Connection) -> None:
    ws.send(
        json.dumps(
            {
                "connected": ws.connected,
                "close_reason": ws.close_reason,
                "close_message": ws.close_message,
                "subprotocol": ws.subprotocol,
                "path": ws.environ["PATH_INFO"],
                "mode": ws.mode,
                "ping_interval": ws.ping_interval,
                "max_message_size": ws.max_message_size,
                "nothing": ws.receive(timeout=0),
            }
        )
    )


# -- A chat: every message goes to every member ---------------------------------------------------

chatting: set[Connection] = set()
chatting_lock = threading.Lock()


@sock.route("/chat")
def chat(ws: Connection) -> None:
    with chatting_lock:
        chatting.add(ws)
    try:
        ws.send(str(len(chatting)))
        while True:
            broadcast(ws.receive())
    finally:
        with chatting_lock:
            chatting.discard(ws)


def broadcast(message: Any) -> None:
    with chatting_lock:
        everybody = list(chatting)
    for member in everybody:
        with suppress(ConnectionClosed):
            member.send(message, timeout=2)


@app.get("/kick")
def kick() -> str:
    with chatting_lock:
        for member in list(chatting):
            with suppress(ConnectionClosed):
                member.close(4000, "kicked")
    return "done"
