"""Lets an application keep figures, and finds what publishes them."""

from typing import TYPE_CHECKING, cast
from weakref import WeakSet

from flask import Flask

from flask_echo.metrics.figures import Figures
from flask_echo.metrics.observer import MetricsObserver
from flask_echo.websocket import observe

if TYPE_CHECKING:  # It needs an extra.
    from flask_echo.metrics.publisher import Publisher

_KEY = "flask_echo.metrics"

_all: "WeakSet[Publisher]" = WeakSet()


def keep_metrics(app: Flask) -> None:
    """Let ``app`` count what happens to its WebSockets."""
    # Not at the top: it needs an extra.
    from flask_echo.metrics.publisher import Publisher

    figures = Figures()
    app.extensions[_KEY] = publisher = Publisher(app, figures)
    _all.add(publisher)
    observe(app, MetricsObserver(figures))


def publisher_of(app: Flask) -> "Publisher":
    """Return what shows the figures of ``app``."""
    return cast("Publisher", app.extensions[_KEY])


def begin_all() -> None:
    """Begin to show the figures of the applications in this process. A worker does it first."""
    for publisher in list(_all):
        publisher.begin()
