"""The fields of gunicorn's access log, by the names of OpenTelemetry where it has one.

gunicorn's master imports this module; see :mod:`flask_echo.gunicorn_conf`.
"""

import logging
from collections.abc import Mapping
from typing import Any

from gunicorn.glogging import SafeAtoms

# See flask_echo.logs.json_line.
REQUEST = "flask_echo.request"

# gunicorn's names for parts of a request and its response (its setting access_log_format).
_TEXTS = {
    "client.address": "h",
    "http.request.method": "m",
    "url.query": "q",
    "user_agent.original": "a",
}


class AccessAtoms(SafeAtoms):
    """What ``access_log_format`` may name, and the same as fields.

    :ivar fields: for the log record of the request.
    """

    def __init__(self, atoms: dict[str, Any]) -> None:
        super().__init__(atoms)
        self.fields = _fields(atoms)


def add_fields(record: logging.LogRecord) -> bool:
    """Give a record of the access log its fields. This is a filter that lets all records pass."""
    if isinstance(record.args, AccessAtoms):
        vars(record).update(record.args.fields)
    return True


def _fields(atoms: Mapping[str, Any]) -> dict[str, Any]:
    texts = {name: atoms.get(key) for name, key in _TEXTS.items()}
    status = str(atoms.get("s"))
    return {
        "event_name": REQUEST,
        **{name: text for name, text in texts.items() if text and text != "-"},
        "url.path": _decoded(atoms.get("U") or ""),
        "network.protocol.version": str(atoms.get("H")).removeprefix("HTTP/"),
        "http.response.status_code": int(status) if status.isdecimal() else status,
        "http.response.body.size": atoms.get("B"),
        "flask_echo.duration_seconds": atoms["D"] / 1e6,
    }


def _decoded(path: str) -> str:
    """Return a path as the application has it. WSGI passes bytes as Latin-1 (PEP 3333)."""
    return path.encode("latin-1", "replace").decode("utf-8", "replace")
