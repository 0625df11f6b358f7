# The part of simple-websocket 1.1.0 that is used here; the package has no types of its own.
import ssl
from collections.abc import Mapping
from typing import Any

class SimpleWebsocketError(RuntimeError): ...

class ConnectionError(SimpleWebsocketError):  # noqa: A001
    code: int | None
    def __init__(self, status_code: int | None = None) -> None: ...

class ConnectionClosed(SimpleWebsocketError):
    # An int in truth: codes above 2999 are not members of wsproto's CloseReason.
    reason: int
    message: str | None
    def __init__(self, reason: int = ..., message: str | None = None) -> None: ...

class Base:
    subprotocol: str | None
    @property
    def connected(self) -> bool: ...
    close_reason: int
    close_message: str | None
    ping_interval: float | None
    max_message_size: int | None
    def receive(self, timeout: float | None = None) -> str | bytes | None: ...
    def send(self, data: Any) -> None: ...
    def close(self, reason: int | None = None, message: str | None = None) -> None: ...

class Server(Base):
    environ: Mapping[str, Any]
    mode: str

class Client(Base):
    @classmethod
    def connect(
        cls,
        url: str,
        subprotocols: str | list[str] | None = None,
        headers: dict[str, str] | None = None,
        receive_bytes: int = 4096,
        ping_interval: float | None = None,
        max_message_size: int | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> Client: ...
