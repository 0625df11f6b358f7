"""What the library keeps for each application: its limits and its seats.

gunicorn's worker counts the seats of all applications, and drains them. It imports this module
after the fork, never in the master.
"""

import logging
import re
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast
from weakref import WeakSet

from flask import Flask

from flask_echo.websocket.budget import Budget, default_budget
from flask_echo.websocket.headers import TOKEN
from flask_echo.websocket.limits import PREFIX, DrainTimes, Limits, environment, variables
from flask_echo.websocket.observers import Observer
from flask_echo.websocket.options import Kind, OptionError, checked, kinds
from flask_echo.websocket.rates import Rates
from flask_echo.websocket.seats import Seats

KEY = "flask_echo.websocket"
CONFIG_KEY = "SOCK_SERVER_OPTIONS"

# simple-websocket's names for limits, and the value that stands for its None ("off", "no limit").
_ALIASES = {"ping_interval": "ping_interval_seconds", "max_message_size": "max_message_bytes"}
_NONE = {"ping_interval": 0, "max_message_size": 2**30}

_KINDS = kinds(Limits)

_log = logging.getLogger(__name__)

_all: "WeakSet[Extension]" = WeakSet()
_all_lock = threading.Lock()


class Extension:
    """Limits, seats and observers of an application, at its extension ``flask_echo.websocket``.

    :param config: the application's configuration; ``SOCK_SERVER_OPTIONS`` may change in it.
    :param limits: used for every limit that ``SOCK_SERVER_OPTIONS`` does not set.
    :ivar sharers: how many applications and workers share the memory of this machine.
    :raises OptionError: for an option that does not exist or does not allow its value.
    """

    def __init__(self, config: Mapping[str, Any], limits: Limits) -> None:
        self._config = config
        self._base = limits
        self._seen = ""
        self._limits = limits
        self._subprotocols: tuple[str, ...] = ()
        self.seats = Seats(limits.max_connections)
        self.budget = Budget(0)
        self.sharers = 1
        self._tls = False
        self._set_budget()
        self.handshakes = Rates()
        self.observers: list[Observer] = []
        self.limits()

    def limits(self) -> Limits:
        """Return the limits that hold now.

        :raises OptionError: for an option that does not exist or does not allow its value.
        """
        options = self._config.get(CONFIG_KEY)
        if repr(options) != self._seen:  # The text also changes if a list in it changes.
            self._limits, self._subprotocols = _apply(options or {}, self._base)
            self.seats.capacity = self._limits.max_connections
            self._set_budget()
            self._seen = repr(options)
        return self._limits

    def share_memory(self, count: int, tls: bool) -> None:
        """Note that ``count`` applications and workers share the memory of this machine.

        :param tls: whether their connections use TLS, which takes memory, too.
        """
        self.sharers, self._tls = count, tls
        self._set_budget()

    def _set_budget(self) -> None:
        limits = self._limits
        self.budget.size = limits.max_buffered_bytes or default_budget(
            limits, self.sharers, self._tls
        )

    def subprotocols(self) -> tuple[str, ...]:
        """Return the subprotocols that the application speaks; see ``SOCK_SERVER_OPTIONS``."""
        self.limits()
        return self._subprotocols


def _tokens(value: Any) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else tuple(value or ())
    if not all(isinstance(name, str) and re.fullmatch(TOKEN, name) for name in names):
        raise ValueError(value)
    return names


def _parse_tokens(value: Any) -> tuple[str, ...]:
    try:
        return _tokens(value)
    except TypeError:
        raise ValueError(value) from None


_SUBPROTOCOLS = Kind(_parse_tokens, "a subprotocol, or a list of them; each is a token (RFC 9110)")


def _apply(options: Mapping[str, Any], base: Limits) -> tuple[Limits, tuple[str, ...]]:
    """Return ``base`` with the limits that ``SOCK_SERVER_OPTIONS`` sets, and the subprotocols."""
    if not isinstance(options, Mapping):
        kind = type(options).__name__
        raise OptionError(f"{CONFIG_KEY} is not allowed to be a {kind}: use a dictionary")
    allowed = _KINDS | {alias: _KINDS[name] for alias, name in _ALIASES.items()}
    allowed["subprotocols"] = _SUBPROTOCOLS
    values: dict[str, Any] = {}
    for name, value in options.items():
        shown = f"{CONFIG_KEY}[{name!r}]={value!r}"
        if _ALIASES.get(name, name) in values:
            raise OptionError(f"{shown}: the same option is there under another name")
        known = _NONE[name] if value is None and name in _NONE else value
        values[_ALIASES.get(name, name)] = checked(allowed, name, known, shown)
    subprotocols = values.pop("subprotocols", ())
    return replace(base, **values), subprotocols


def install(app: Flask, limits: Limits | None = None) -> Extension:
    """Give ``app`` its extension, or return the one that it has.

    :param limits: used for every limit that ``SOCK_SERVER_OPTIONS`` does not set; by default those
        of the environment variables.
    :raises OptionError: for a variable or an option that is not allowed.
    """
    with _all_lock:
        if limits is not None or KEY not in app.extensions:
            extension = Extension(app.config, limits or _from_environment())
            app.extensions[KEY] = extension
            _all.add(extension)
        return cast(Extension, app.extensions[KEY])


def observe(app: Flask, observer: Observer) -> None:
    """Let ``observer`` learn of the WebSockets of ``app``, from the next request on."""
    install(app).observers.append(observer)


def _from_environment() -> Limits:
    limits = Limits.from_environment()
    for name in sorted(environment().keys() - variables(Limits).keys()):
        _log.warning("%s_%s is no setting of flask_echo.websocket. It is ignored.", PREFIX, name)
    return limits


def _extensions() -> "list[Extension]":
    with _all_lock:
        return list(_all)


def total_seats() -> int:
    """Return the number of seats of all applications in this process.

    :raises OptionError: for a bad ``SOCK_SERVER_OPTIONS`` of one of them.
    """
    return sum(extension.limits().max_connections for extension in _extensions())


def freed_bytes() -> int:
    """Return how many bytes of large messages all applications in this process have freed."""
    return sum(extension.budget.freed for extension in _extensions())


def share_memory(workers: int, tls: bool) -> None:
    """Divide the memory for messages among all applications of all workers.

    :param workers: how many worker processes may run at once.
    :param tls: whether they speak TLS.
    """
    extensions = _extensions()
    for extension in extensions:
        extension.share_memory(workers * len(extensions), tls)


# -- The drain of all applications in this process -------------------------------------------


def drain_times() -> DrainTimes:
    """Return the longest times that an application in this process wants.

    :raises OptionError: for a bad variable, or a bad ``SOCK_SERVER_OPTIONS``.
    """
    limits = [extension.limits() for extension in _extensions()] or [Limits.from_environment()]
    return DrainTimes(
        max(each.drain_delay_seconds for each in limits),
        max(each.drain_spread_seconds for each in limits),
        max(each.close_timeout_seconds for each in limits),
    )


def announce_drain() -> None:
    """Let all applications say that they drain, and serve on; see :meth:`Seats.announce_drain`."""
    for extension in _extensions():
        extension.seats.announce_drain()


def drain_all(grace: float | None = None, spread: float = 0.0) -> None:
    """Drain the seats of all applications in this process; see :meth:`Seats.drain`."""
    for extension in _extensions():
        extension.seats.drain(grace, spread)


def wake_due() -> bool:
    """Wake those whose turn has come; see :meth:`Seats.wake_due`."""
    waiting = [extension.seats.wake_due() for extension in _extensions()]  # Of all of them.
    return any(waiting)


def is_draining(app: Flask) -> bool:
    """Return whether the worker of ``app`` is about to stop.

    A readiness check should fail then, so that load balancers send new clients elsewhere.
    """
    return install(app).seats.occupancy().draining
