"""Reading a log of JSON lines as strictly as the strictest reader."""

import json
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

# Fields of OpenTelemetry's log data model, as they are spelt outside OTLP.
MODEL = {"timestamp", "severity_text", "severity_number", "body", "event_name", "trace_id"}
OWN_PREFIX = "flask_echo."


def parse(line: str) -> dict[str, Any]:
    """Parse one line, and check all that makes it one for every reader."""
    assert line.isascii(), line
    assert line.isprintable(), line
    fields = json.loads(line, object_pairs_hook=_unique, parse_constant=_refuse)
    assert isinstance(fields, dict)
    for text in (*fields, *fields.values()):
        assert not isinstance(text, list | dict)
        str(text).encode()  # No half of a surrogate pair is left.
    return fields


def parse_all(output: str) -> list[dict[str, Any]]:
    """Parse all lines of an output. It must end with a whole one."""
    assert output.endswith("\n"), output
    return [parse(line) for line in output[:-1].split("\n")]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names)), names
    return dict(pairs)


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def conventions() -> set[str]:
    """Return the names of all attributes in OpenTelemetry's semantic conventions."""
    found: set[str] = set()
    for package in ("attributes", "_incubating.attributes"):
        parent = import_module(f"opentelemetry.semconv.{package}")
        for module in iter_modules(parent.__path__):
            values = vars(import_module(f"{parent.__name__}.{module.name}"))
            found |= {text for name, text in values.items() if name.isupper()}
    return found
