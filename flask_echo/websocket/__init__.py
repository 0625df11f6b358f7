"""WebSockets for Flask: one thread per connection, with limits, back-pressure and a clean end.

The names are loaded when they are first used: gunicorn's master needs only
:mod:`flask_echo.websocket.limits`, and must not import the rest before it forks its workers
(see :mod:`flask_echo.worker`).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simple_websocket import ConnectionClosed

    from flask_echo.websocket.connection import Connection
    from flask_echo.websocket.extension import is_draining, observe
    from flask_echo.websocket.limits import Limits
    from flask_echo.websocket.observers import Observer, Watch
    from flask_echo.websocket.options import OptionError
    from flask_echo.websocket.refusal import Refusal
    from flask_echo.websocket.serving import Upgrade
    from flask_echo.websocket.sock import Sock

__all__ = [
    "Connection",
    "ConnectionClosed",
    "Limits",
    "Observer",
    "OptionError",
    "Refusal",
    "Sock",
    "Upgrade",
    "Watch",
    "is_draining",
    "observe",
]

_HOMES = {
    "Connection": "flask_echo.websocket.connection",
    "ConnectionClosed": "simple_websocket",
    "Limits": "flask_echo.websocket.limits",
    "Observer": "flask_echo.websocket.observers",
    "OptionError": "flask_echo.websocket.options",
    "Refusal": "flask_echo.websocket.refusal",
    "Sock": "flask_echo.websocket.sock",
    "Upgrade": "flask_echo.websocket.serving",
    "Watch": "flask_echo.websocket.observers",
    "is_draining": "flask_echo.websocket.extension",
    "observe": "flask_echo.websocket.extension",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
