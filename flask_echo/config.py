"""The service's settings: environment variables, or keys of the mapping for ``create_app``.

A setting is an environment variable with the prefix ``FLASK_ECHO_``, or a key without the prefix
of the mapping that is given to :func:`flask_echo.create_app`. The mapping wins.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask

from flask_echo.websocket.limits import Limits, checked_environment, environment, variables
from flask_echo.websocket.options import checked, option, whole_number


@dataclass(frozen=True)
class Settings(Limits):
    """The checked settings of the service; the README has a table of them."""

    trusted_proxies: int = option(0, whole_number(0, 10, "proxies"))


def load_settings(overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read the environment, then ``overrides``, and check every value.

    :param overrides: settings by their name without prefix, such as ``MAX_CONNECTIONS``.
    :raises OptionError: if a name is unknown or a value is not allowed.
    """
    known = variables(Settings)
    values = checked_environment(known, environment())
    for name, value in (overrides or {}).items():
        values[name.lower()] = checked(known, name, value, f"{name}={value!r}")
    return Settings(**values)


def split_config(config: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Divide ``config`` into Flask's own keys, such as ``TESTING``, and our settings."""
    flask_keys = {name: value for name, value in config.items() if name in Flask.default_config}
    ours = {name: value for name, value in config.items() if name not in flask_keys}
    return flask_keys, ours
