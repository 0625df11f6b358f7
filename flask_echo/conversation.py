"""The conversations of the service: loops over receive and send, without Flask or sockets."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from wsproto.frame_protocol import CloseReason

# JSON writes U+0000 as six characters, so a longer text is answered in parts of this many
# characters. Each of them takes 48 KiB at most.
_PART = 8 * 1024


class WebSocket(Protocol):
    """A connection, as a conversation needs it."""

    def receive(self, timeout: float | None = None) -> str | bytes | None:
        """Return the next message, or None after ``timeout`` seconds."""

    def send(self, data: Any) -> None:
        """Send one message: binary for bytes, and text otherwise."""

    def send_parts(self, parts: Iterable[str | bytes]) -> None:
        """Send one message in fragments."""

    def close(self, reason: int | None = None, message: str | None = None) -> None:
        """Close the connection with a status code and a reason."""


def hello(ws: WebSocket) -> None:
    """Send a greeting, then answer each text in JSON, as in the article."""
    ws.send(_json("hello from server"))
    while _answer(ws, ws.receive()):
        pass  # A variable here would keep each message in memory until the next one comes.
    reason = "this address accepts text only; /echo also returns binary messages"
    ws.close(CloseReason.UNSUPPORTED_DATA, reason)


def _answer(ws: WebSocket, message: str | bytes | None) -> bool:
    """Answer a text. Return False for anything else."""
    if not isinstance(message, str):
        return False
    if len(message) <= _PART:
        ws.send(_json(f"{message} back"))
    else:
        ws.send_parts(_json_parts(message, " back"))
    return True


def echo(ws: WebSocket) -> None:
    """Return every message unchanged."""
    while True:
        ws.send(ws.receive())


def tell(ws: WebSocket, value: Any) -> None:
    """Send ``value`` in JSON, and close the connection."""
    ws.send(_json(value))
    ws.close(CloseReason.NORMAL_CLOSURE)


def _json_parts(*texts: str) -> Iterator[str]:
    """Yield the JSON string of ``texts`` joined, without making a copy of it all."""
    yield '"'
    for text in texts:
        for start in range(0, len(text), _PART):
            yield _json(text[start : start + _PART])[1:-1]
    yield '"'


def _json(value: Any) -> str:
    # Without escapes, because readers of the page look at the frames.
    return json.dumps(value, ensure_ascii=False)
