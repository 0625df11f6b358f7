"""One line of JSON (RFC 8259), made of a log record or of a text.

The fields ``timestamp``, ``severity_text``, ``severity_number``, ``body``, ``event_name`` and
``trace_id`` are those of OpenTelemetry's log data model
(https://opentelemetry.io/docs/specs/otel/logs/data-model/), spelt as its page on other formats
spells them (``specs/otel/compatibility/logging_trace_context``). All others are attributes: those
of OpenTelemetry by their names there, our own with the prefix ``flask_echo.``, and those that the
caller of the logger gave as ``extra``, as they are.

Nobody can forge a line or a field. A line is the JSON of one dictionary: so a name occurs once, and
in a value each quote, backslash and control character is escaped. Nothing beyond ASCII remains,
which rules out the other line ends of Unicode and text that turns its direction.

gunicorn's master imports this module; see :mod:`flask_echo.gunicorn_conf`.
"""

import json
import logging
import os
import re
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from math import isfinite
from time import time
from typing import Any

from flask_echo.logs.writing import LONGEST_TEXT

# Limits of values, in bytes of JSON. A client can fill the body and five values of one line. That
# makes less than 4 KiB, which Linux writes to a pipe in one piece.
VALUE_BYTES = 400
EVENT_BODY_BYTES = 1024
# For the rest: texts of the service, and tracebacks.
BODY_BYTES = 16 * 1024

_LARGE = {"exception.stacktrace": BODY_BYTES, "code.stacktrace": BODY_BYTES}

# Attributes that each record has. The others are fields that its caller gave.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

# The smallest number of each range in the log data model, from the highest level of Python down.
_SEVERITIES = (
    (logging.CRITICAL, 21),
    (logging.ERROR, 17),
    (logging.WARNING, 13),
    (logging.INFO, 9),
    (logging.DEBUG, 5),
)
_TRACE = 1

# A character beyond 16 bits takes two escapes of six bytes. The quotes are within the rest.
_LONGEST_ESCAPE = 13

_INTEGERS = range(-(2**63), 2**63)  # What OpenTelemetry and most readers of JSON take.

# flask run colours its lines (ECMA-48, SGR).
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")

# By default it escapes all that is not printable ASCII.
_encode = json.JSONEncoder(allow_nan=False).encode


class Line(str):
    """A line of JSON. It stays one when a handler adds the line end.

    The streams of :mod:`flask_echo.logs.json_stream` write it as it is. They wrap any other text,
    also one that looks like it: only its type tells a line from what a client has sent.
    """

    __slots__ = ()

    def __add__(self, end: str) -> "Line":
        return Line(str.__add__(self, end))


class JsonFormatter(logging.Formatter):
    """Formats records as lines of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        extra = {
            name: value
            for name, value in vars(record).items()
            if name not in _STANDARD and isinstance(name, str)
        }
        own = {
            "timestamp": timestamp(record.created),
            "severity_text": record.levelname,
            "severity_number": severity(record.levelno),
            "body": _COLOUR.sub("", record.getMessage()).rstrip("\n"),
        }
        source = {"process.pid": record.process, "otel.scope.name": record.name}
        # In this order; and where the caller gave one of our fields, ours counts.
        return line({**own, **extra, **self._exception(record), **source, **own})

    def _exception(self, record: logging.LogRecord) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        if record.exc_info and record.exc_info[0] is not None:
            kind, error, _ = record.exc_info
            fields["exception.type"] = _qualified(kind)
            fields["exception.message"] = error
            fields["exception.stacktrace"] = self.formatException(record.exc_info)
        if record.stack_info:
            fields["code.stacktrace"] = self.formatStack(record.stack_info)
        return fields


def of_text(text: bytes, iostream: str | None) -> Line:
    """Return the line for a text that something has written to a stream.

    :param text: without its line end.
    :param iostream: ``stdout`` or ``stderr``; None for a file.
    """
    stream = {"log.iostream": iostream} if iostream else {}
    return line(
        {"timestamp": timestamp(time()), "body": text, **stream, "process.pid": os.getpid()}
    )


def notice(lines: int, reason: str) -> str:
    """Return the line that tells how many lines were dropped, and why."""
    fields = {
        "timestamp": timestamp(time()),
        "severity_text": logging.getLevelName(logging.WARNING),
        "severity_number": severity(logging.WARNING),
        "body": f"{lines} log lines were dropped: {reason}",
        "flask_echo.dropped_lines": lines,
        "process.pid": os.getpid(),
    }
    return line(fields) + "\n"


def timestamp(seconds: float) -> str:
    """Return a Unix time as RFC 3339 has it, in UTC with milliseconds."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def severity(level: int) -> int:
    """Return the SeverityNumber of the log data model for a level of Python."""
    return next((number for least, number in _SEVERITIES if level >= least), _TRACE)


def line(fields: dict[str, Any]) -> Line:
    """Return fields as one line, at most :data:`LONGEST_TEXT` bytes with its end.

    Values of other types than JSON's, and long ones, become texts of limited length. If there are
    too many fields all the same, only those of the log data model remain.
    """
    body = EVENT_BODY_BYTES if "event_name" in fields else BODY_BYTES
    limits = {"body": body, **_LARGE}
    values = {
        _name(name): _value(value, limits.get(name, VALUE_BYTES)) for name, value in fields.items()
    }
    encoded = _encode(values)
    if len(encoded) >= LONGEST_TEXT:
        kept = {name: value for name, value in values.items() if name in _MODEL}
        encoded = _encode({**kept, "flask_echo.dropped_fields": len(values) - len(kept)})
    return Line(encoded)


_MODEL = ("timestamp", "severity_text", "severity_number", "body", "event_name", "trace_id")


@lru_cache(1024)
def _name(name: str) -> str:
    """Return the name of a field. Names come from code, so there are few."""
    return _text(name, VALUE_BYTES)


def _value(value: object, limit: int) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if value in _INTEGERS else _text(hex(value), limit)
    if isinstance(value, float):
        return float(value) if isfinite(value) else str(float(value))
    return _text(value, limit)


def _text(value: object, limit: int) -> str:
    """Return a value as text that UTF-8 can encode, of at most ``limit`` bytes in JSON."""
    if isinstance(value, bytes):
        text = value.decode("utf-8", "backslashreplace")
    else:
        text = _shown(value)
        if not text.isascii():  # Half of a surrogate pair is in no valid text.
            text = text.encode("utf-8", "backslashreplace").decode()
    return text if _fits(text, limit) else _cut(text, limit)


def _shown(value: object) -> str:
    try:
        return str.__str__(value) if isinstance(value, str) else str(value)
    except Exception:  # The class is the application's.
        return f"<{type(value).__name__}>"


def _fits(text: str, limit: int) -> bool:
    if len(text) <= limit // _LONGEST_ESCAPE:
        return True
    return len(text) <= limit and len(encode_basestring_ascii(text)) <= limit


def _cut(text: str, limit: int) -> str:
    """Leave out the middle: the end of a traceback matters as much as its beginning."""
    kept = min(len(text), limit)
    while True:
        half = kept // 2
        rest = len(text) - half
        shorter = f"{text[:half]}... ({rest - half} characters cut) ...{text[rest:]}"
        size = len(encode_basestring_ascii(shorter))
        if size <= limit or not half:
            return shorter
        kept = min(kept - 1, kept * limit // size)


def _qualified(kind: type[BaseException]) -> str:
    name = kind.__qualname__
    return name if kind.__module__ == "builtins" else f"{kind.__module__}.{name}"
