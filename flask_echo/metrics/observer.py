"""The observer that counts the WebSockets of an application."""

from collections.abc import Mapping
from typing import Any

from flask_echo.metrics.figures import ConnectionFigures, Figures
from flask_echo.websocket import Observer, Watch


class MetricsObserver(Observer):
    """Adds to the figures.

    :param figures: those of this process.
    """

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def failed(self, environ: Mapping[str, Any], status: int) -> None:
        """Count the error."""
        self._figures.refuse(status)

    def upgrading(self, environ: Mapping[str, Any]) -> Watch:
        """Watch the connection."""
        return ConnectionFigures(self._figures)
