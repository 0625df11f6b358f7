"""The conversations of the service: loops over receive and send, without Flask or sockets."""

import json
from typing import Any, Protocol

from wsproto.frame_protocol import CloseReason


class WebSocket(Protocol):
    """A connection, as a conversation needs it."""

    def receive(self, timeout: float | None = None) -> str | bytes | None:
        """Return the next message, or None after ``timeout`` seconds."""

    def send(self, data: Any) -> None:
        """Send one message: binary for bytes, and text otherwise."""

    def close(self, reason: int | None = None, message: str | None = None) -> None:
        """Close the connection with a status code and a reason."""


def hello(ws: WebSocket) -> None:
    """Send a greeting, then answer each text in JSON, as in the article."""
    ws.send(_json("hello from server"))
    while isinstance(text := ws.receive(), str):
        ws.send(_json(f"{text} back"))
    reason = "this address accepts text only; /echo also returns binary messages"
    ws.close(CloseReason.UNSUPPORTED_DATA, reason)


def echo(ws: WebSocket) -> None:
    """Return every message unchanged."""
    while True:
        ws.send(ws.receive())


def tell(ws: WebSocket, value: Any) -> None:
    """Send ``value`` in JSON, and close the connection."""
    ws.send(_json(value))
    ws.close(CloseReason.NORMAL_CLOSURE)


def _json(value: Any) -> str:
    # Without escapes, because readers of the page look at the frames.
    return json.dumps(value, ensure_ascii=False)
