"""What is said on a connection: loops over receive and send, without Flask or sockets."""

import json
from typing import Any, Protocol

# RFC 6455, section 7.4.1: a type of data that cannot be accepted.
UNSUPPORTED_DATA = 1003


class Peer(Protocol):
    """The other side, as a conversation sees it."""

    def receive(self, timeout: float | None = None) -> str | bytes | None:
        """Return the next message, or None when ``timeout`` seconds are over."""

    def send(self, data: Any) -> None:
        """Send one message, binary for bytes and text otherwise."""

    def close(self, reason: int | None = None, message: str | None = None) -> None:
        """End the conversation with a status code and words."""


def hello(peer: Peer) -> None:
    """The conversation of the article: a greeting, then each text comes back in JSON."""
    peer.send(_json("hello from server"))
    while isinstance(text := peer.receive(), str):
        peer.send(_json(f"{text} back"))
    peer.close(UNSUPPORTED_DATA, "this route takes text; /echo returns binary messages too")


def echo(peer: Peer) -> None:
    """Every message comes back as it came, until the other side has enough."""
    while True:
        peer.send(peer.receive())


def _json(text: str) -> str:
    # As people wrote it, not as escapes: the page's readers look at the frames.
    return json.dumps(text, ensure_ascii=False)
