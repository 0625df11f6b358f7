"""An echo as flask-sock's documentation writes it, and a page: what this project is compared to."""

from flask import Flask
from flask_sock import Sock
from simple_websocket import Server

from bench.servers.common import MAX_MESSAGE_BYTES

app = Flask(__name__)
app.config["SOCK_SERVER_OPTIONS"] = {"max_message_size": MAX_MESSAGE_BYTES}
sock = Sock(app)


@app.get("/")
def page() -> str:
    """Answer the page request that is timed while connections are held."""
    return "<!doctype html><title>stock</title>"


@sock.route("/echo")
def echo(ws: Server) -> None:
    """Return every message as it came."""
    while True:
        ws.send(ws.receive())
