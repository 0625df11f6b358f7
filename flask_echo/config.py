"""Settings: names with units, defaults, ranges, and where they come from.

A setting is an environment variable with the prefix ``FLASK_ECHO_`` or, without the
prefix, a key of the mapping that is given to :func:`flask_echo.create_app`; the mapping wins.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any
from urllib.parse import urlsplit

from flask import Config, Flask

PREFIX = "FLASK_ECHO"


class SettingsError(ValueError):
    """A setting is unknown or has a value that is not allowed; the text is one line."""


Parse = Callable[[Any], Any]


def _number(kind: type[int] | type[float], low: float, high: float, unit: str) -> Parse:
    """A parser for numbers from ``low`` to ``high``, both allowed."""
    noun = "a whole number" if kind is int else "a number"

    def parse(value: Any) -> int | float:
        # bool is an int to Python, NaN compares false with everything: both fail here.
        valid = isinstance(value, int | float) and not isinstance(value, bool)
        if not valid or not low <= value <= high or kind(value) != value:
            raise ValueError(f"must be {noun} of {unit} from {low:g} to {high:.10g}")
        return kind(value)

    return parse


def _switch(value: Any) -> bool:
    """Parse a boolean as people write it in an environment variable."""
    words = {"true": True, "1": True, "yes": True, "on": True}
    words |= {"false": False, "0": False, "no": False, "off": False}
    try:
        return words[str(value).strip().lower()]
    except KeyError:
        raise ValueError("must be true or false") from None


def _origin(text: str) -> str:
    """Check one serialized origin (RFC 6454, section 6.2) and return it in lower case."""
    parts = urlsplit(text)
    bare = f"{parts.scheme}://{parts.netloc}" == text and parts.hostname and parts.port != 0
    if text != "null" and (not bare or "@" in text or " " in text):
        raise ValueError(text)
    # Browsers leave out the port that the scheme implies.
    return text.lower().removesuffix({"http": ":80", "https": ":443"}.get(parts.scheme, " "))


def _origins(value: Any) -> frozenset[str] | None:
    """Parse a list of origins; None stands for ``*``, every origin."""
    try:
        texts = [text.strip() for text in (value.split(",") if isinstance(value, str) else value)]
        if texts == ["*"]:
            return None
        if not texts:
            raise ValueError
        return frozenset(map(_origin, texts))
    except (AttributeError, TypeError, ValueError):
        raise ValueError(
            "must be * or a comma-separated list of origins, as https://example.org:8443 or null"
        ) from None


def _setting(default: Any, parse: Parse) -> Any:
    return field(default=default, metadata={"parse": parse})


@dataclass(frozen=True)
class Settings:
    """The checked settings of one application; see the table in the README."""

    max_connections: int = _setting(1000, _number(int, 1, 100_000, "seats per worker"))
    # 16 MiB; for comparison: websockets and ws (Node.js) take 1 MiB and 100 MiB.
    max_message_bytes: int = _setting(16 * 2**20, _number(int, 1, 2**30, "bytes"))
    ping_interval_seconds: float = _setting(20.0, _number(float, 0, 3600, "seconds"))
    ping_timeout_seconds: float = _setting(20.0, _number(float, 0.1, 3600, "seconds"))
    send_timeout_seconds: float = _setting(20.0, _number(float, 0.1, 3600, "seconds"))
    close_timeout_seconds: float = _setting(5.0, _number(float, 0.1, 60, "seconds"))
    allowed_origins: frozenset[str] | None = _setting(None, _origins)
    compression: bool = _setting(True, _switch)
    trusted_proxies: int = _setting(0, _number(int, 0, 10, "proxies"))


_PARSERS: dict[str, Parse] = {f.name.upper(): f.metadata["parse"] for f in fields(Settings)}


def load_settings(overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read the environment, then ``overrides``, and check every value.

    :param overrides: settings by their name without prefix, as ``MAX_CONNECTIONS``.
    :raises SettingsError: on an unknown name or a value that is not allowed.
    """
    environment = Config("")
    try:
        environment.from_prefixed_env(PREFIX)
    except TypeError:  # Flask reads two underscores as a key within a key.
        raise SettingsError(f"{PREFIX}_: no setting has __ in its name") from None
    values: dict[str, Any] = {}
    for prefix, source in ((f"{PREFIX}_", environment), ("", overrides or {})):
        for name, value in source.items():
            values[name.lower()] = _parse(f"{prefix}{name}", name, value)
    return Settings(**values)


def _parse(shown: str, name: str, value: Any) -> Any:
    if name not in _PARSERS:
        raise SettingsError(f"{shown}={value!r}: no such setting; there are {_names(_PARSERS)}")
    try:
        return _PARSERS[name](value)
    except ValueError as error:
        raise SettingsError(f"{shown}={value!r}: {error}") from None


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def split_config(config: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Divide ``config`` into Flask's own keys (``TESTING``, ...) and all that must be ours."""
    flask_keys = {name: value for name, value in config.items() if name in Flask.default_config}
    ours = {name: value for name, value in config.items() if name not in flask_keys}
    return flask_keys, ours
