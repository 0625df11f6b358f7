"""The service's settings: environment variables, or keys of the mapping for ``create_app``.

A setting is an environment variable with the prefix ``FLASK_ECHO_``, or a key without the prefix
of the mapping that is given to :func:`flask_echo.create_app`. The mapping wins.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from flask import Flask

from flask_echo.websocket.limits import (
    Limits,
    checked_environment,
    environment,
    shown,
    variables,
)
from flask_echo.websocket.options import SWITCH, Kind, checked, option, whole_number

_FORWARDED = frozenset({"for", "proto", "host", "prefix"})


def _forwarded(value: Any) -> frozenset[str]:
    """Parse a list of the headers that trusted proxies write, by the end of their name."""
    try:
        texts = value.split(",") if isinstance(value, str) else value
        names = frozenset(text.strip().lower() for text in texts)
    except (AttributeError, TypeError):
        raise ValueError(value) from None
    if not names or not names <= _FORWARDED:
        raise ValueError(value)
    return names


TRUSTED_HEADERS = Kind(_forwarded, "a comma-separated list of for, proto, host, prefix")


def _traces(value: Any) -> str:
    """Parse where traces are kept: ``local``, ``off``, or the address of a Redis."""
    text = str(value).strip()
    if text not in {"local", "off"} and not _is_redis(text):
        raise ValueError(value)
    return text


def _is_redis(text: str) -> bool:
    parts = urlsplit(text)
    # A password with one of /?# ends the host early. What is left of it must not pass for a host.
    rest = parts.path + parts.query + parts.fragment
    is_whole = bool(parts.hostname) and parts.port != 0 and "@" not in rest
    # The package redis is an extra of this one.
    is_installed = find_spec("redis") is not None
    return parts.scheme in {"redis", "rediss"} and is_whole and is_installed


TRACES = Kind(
    _traces,
    "local, off or redis://:PASSWORD@HOST:PORT/DB, with a percent-encoded password"
    " (Redis needs: pip install 'flask-echo[redis]')",
    secret=True,
)


def _log_format(value: Any) -> str:
    text = str(value).strip().lower()
    if text not in {"text", "json"}:
        raise ValueError(value)
    return text


LOG_FORMAT = Kind(_log_format, "text or json")


def _metrics(value: Any) -> bool:
    """Parse a switch that needs the package prometheus_client to be true."""
    wanted: bool = SWITCH.parse(value)
    # The package is an extra of this one.
    if wanted and find_spec("prometheus_client") is None:
        raise ValueError(value)
    return wanted


METRICS = Kind(_metrics, "true or false (true needs: pip install 'flask-echo[metrics]')")


@dataclass(frozen=True)
class Settings(Limits):
    """The checked settings of the service; the README has a table of them."""

    trusted_proxies: int = option(0, whole_number(0, 10, "proxies"))
    # Most proxies write these two. A header that the proxy does not write is the client's.
    trusted_headers: frozenset[str] = option(frozenset({"for", "proto"}), TRUSTED_HEADERS)
    rehearsals: bool = option(True, SWITCH)
    inspect: bool = option(True, SWITCH)
    events: bool = option(True, SWITCH)
    traces: str = option("local", TRACES)
    foreign_addresses: bool = option(True, SWITCH)
    log_format: str = option("text", LOG_FORMAT)
    metrics: bool = option(False, METRICS)

    def trusts(self, header: str) -> bool:
        """Return whether proxies are trusted about ``for``, ``proto``, ``host`` or ``prefix``."""
        return self.trusted_proxies > 0 and header in self.trusted_headers


def load_settings(overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read the environment, then ``overrides``, and check every value.

    :param overrides: settings by their name without prefix, such as ``MAX_CONNECTIONS``.
    :raises OptionError: if a name is unknown or a value is not allowed.
    """
    known = variables(Settings)
    values = checked_environment(known, environment())
    for name, value in (overrides or {}).items():
        values[name.lower()] = checked(known, name, value, shown(known, "", name, value))
    return Settings(**values)


def split_config(config: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Divide ``config`` into Flask's own keys, such as ``TESTING``, and our settings."""
    flask_keys = {name: value for name, value in config.items() if name in Flask.default_config}
    ours = {name: value for name, value in config.items() if name not in flask_keys}
    return flask_keys, ours
