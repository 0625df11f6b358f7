"""The fields of the log line of a connection.

They are attributes of the log record, so that any formatter and any exporter of the host can use
them. The names are those of OpenTelemetry's semantic conventions where these have one
(https://opentelemetry.io/docs/specs/semconv/registry/attributes/). All others begin with
``flask_echo.``, as OpenTelemetry asks of applications.
"""

from collections.abc import Mapping
from typing import Any

from flask_echo.websocket.connection import Connection

# EventName of the log data model of OpenTelemetry: records of one name have the same fields.
CLOSED = "flask_echo.connection.closed"


def end_of(
    connection: Connection, address: str | None, path: str, seconds: float
) -> dict[str, Any]:
    """Return the fields of a connection that has ended.

    The query is left out: clients of other applications put tokens there.

    :param address: of the client, as the application believes it.
    :param path: of the request.
    :param seconds: how long the connection lasted.
    """
    return {
        "event_name": CLOSED,
        **_request(connection.environ, address, path),
        "http.response.status_code": 101,
        "flask_echo.duration_seconds": round(seconds, 6),
        **_close(connection),
        "flask_echo.in.messages": connection.received_messages,
        "flask_echo.in.bytes": connection.received_bytes,
        "flask_echo.out.messages": connection.sent_messages,
        "flask_echo.out.bytes": connection.sent_bytes,
    }


def _request(environ: Mapping[str, Any], address: str | None, path: str) -> dict[str, Any]:
    peer = environ.get("werkzeug.proxy_fix.orig", environ).get("REMOTE_ADDR")
    texts = {
        "client.address": address,
        "network.peer.address": peer,
        "url.path": path,
        "user_agent.original": environ.get("HTTP_USER_AGENT"),
    }
    fields: dict[str, Any] = {name: one_line(text) for name, text in texts.items() if text}
    port = str(environ.get("REMOTE_PORT") or "")
    if peer and port.isdecimal():
        fields["network.peer.port"] = int(port)
        if "werkzeug.proxy_fix.orig" not in environ:  # The port of a proxy is not the client's.
            fields["client.port"] = int(port)
    return fields


def _close(connection: Connection) -> dict[str, Any]:
    first, message = connection.first_close, connection.close_message
    fields: dict[str, Any] = {
        "flask_echo.close.code": int(connection.close_reason),
        "flask_echo.close.initiator": first.sender if first else "none",
    }
    if message:
        fields["flask_echo.close.reason"] = one_line(message)
    return fields


def one_line(text: str) -> str:
    """Escape what is not printable: line ends of any kind, control characters, surrogates.

    So a client cannot forge a line of a host whose formatter writes plain text. Letters beyond
    ASCII stay.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
