"""A chat: every message goes to every member of its room.

.. code-block:: sh

    flask --app examples.chat run
    gunicorn --config python:flask_echo.gunicorn_conf examples.chat:app

The members are in the memory of one process. With several workers (``gunicorn --workers 2``), only
the members of one worker would hear each other: then a broker such as Redis must connect them.
"""

import threading
from collections import defaultdict
from contextlib import suppress

from flask import Flask

from flask_echo.websocket import Connection, ConnectionClosed, Sock

# A member that does not take a message within this time is disconnected.
SEND_SECONDS = 2.0

app = Flask(__name__)
sock = Sock(app)

rooms: dict[str, set[Connection]] = defaultdict(set)
rooms_lock = threading.Lock()


@sock.route("/rooms/<room>/<name>")
def chat(ws: Connection, room: str, name: str) -> None:
    """Send each message of ``name`` to everybody in ``room``."""
    enter(room, ws)
    try:
        broadcast(room, f"{name} has joined")
        while True:
            broadcast(room, f"{name}: {ws.receive()!s}")
    finally:
        leave(room, ws)
        broadcast(room, f"{name} has left")


def enter(room: str, ws: Connection) -> None:
    """Add a member to a room."""
    with rooms_lock:
        rooms[room].add(ws)


def leave(room: str, ws: Connection) -> None:
    """Remove a member from a room, and the room after its last member."""
    with rooms_lock:
        rooms[room].discard(ws)
        if not rooms[room]:
            del rooms[room]


def broadcast(room: str, text: str) -> None:
    """Send ``text`` to everybody in ``room``. The lock is not held while a member takes it."""
    with rooms_lock:
        members = list(rooms.get(room, ()))
    for member in members:
        with suppress(ConnectionClosed):
            member.send(text, timeout=SEND_SECONDS)


@app.get("/")
def page() -> str:
    """Show the form."""
    return PAGE


PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Chat</title>
<h1>Chat</h1>
<form id="join">
  <label>Room <input name="room" value="lobby" required></label>
  <label>Name <input name="name" required autofocus></label>
  <button>Join</button>
</form>
<form id="say" hidden><input name="text" aria-label="Message"> <button>Send</button></form>
<pre role="log"></pre>
<script>
  const [join, say, log] = document.querySelectorAll("form, pre");
  let ws;

  function show(line) {
    log.append(line + "\\n");  // As text: a message may contain HTML.
  }

  function connect(room, name) {
    const path = ["rooms", room, name].map(encodeURIComponent).join("/");
    const url = new URL(path, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    ws = new WebSocket(url);
    ws.onopen = () => { say.hidden = false; };
    ws.onmessage = (event) => show(event.data);
    ws.onclose = (event) => {
      say.hidden = true;
      join.hidden = false;
      show("closed with " + event.code);
    };
  }

  join.onsubmit = (event) => {
    event.preventDefault();
    join.hidden = true;
    connect(join.elements.room.value, join.elements.name.value);
  };
  say.onsubmit = (event) => {
    event.preventDefault();
    ws.send(say.elements.text.value);
    say.reset();
  };
</script>
</html>
"""
