"""A WebSocket echo service in synchronous Flask, and the library below it.

gunicorn's master imports this package for its settings, before it forks its workers. A reload
(SIGHUP) does not load again the modules that the master has imported. So this module imports
nothing at the top, and :func:`create_app` imports the application in the worker.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask

__all__ = ["__version__", "create_app"]

__version__ = "1.0.0"


def create_app(config: Mapping[str, Any] | None = None) -> "Flask":
    """Make the application of the service.

    :param config: settings by their name without prefix, such as ``MAX_CONNECTIONS``. They win
        over the environment. Flask's own keys, such as ``TESTING``, may be in it, too.
    :raises flask_echo.websocket.OptionError: if a name is unknown or a value is not allowed.
    """
    from flask_echo.factory import create_app as create

    return create(config)
