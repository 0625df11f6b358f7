"""Publishes the figures of this process, and renders those of all workers for Prometheus."""

import atexit
import logging
import math
import threading
from time import monotonic, sleep
from typing import NamedTuple

from flask import Flask
from prometheus_client.exposition import choose_encoder

from flask_echo.logs.queue import lines_dropped
from flask_echo.metrics.figures import Figures
from flask_echo.metrics.folder import shared_folder
from flask_echo.metrics.registration import Registration
from flask_echo.metrics.series import Series
from flask_echo.websocket.extension import Extension, install

_log = logging.getLogger(__name__)

# Figures are at most 0.5 s old: this time, and as much for a busy worker to run the thread.
_PUBLISH_SECONDS = 0.25
# The text is made at most this often, so that it costs next to nothing. Whoever asks more often
# waits. An older text would not do: another worker may have shown higher counters meanwhile.
BETWEEN_SECONDS = 0.1


class Exposition(NamedTuple):
    """The text of all figures.

    :ivar content_type: its type.
    :ivar at: when it was made, on the monotonic clock.
    """

    content_type: str
    body: bytes
    at: float


class Publisher:
    """Publishes the figures of one application. All methods are safe in all threads.

    :param app: the application.
    :param figures: its figures in this process.
    """

    def __init__(self, app: Flask, figures: Figures) -> None:
        self._app = app
        self._figures = figures
        self._dropped = 0
        self._registration: Registration | None = None
        self._lock = threading.Lock()
        self._expositions: dict[str, Exposition] = {}
        self._exposed_at = -math.inf
        self._render_lock = threading.Lock()

    def begin(self) -> None:
        """Make the series, after the fork. Do nothing if that was done before."""
        folder = shared_folder()
        with self._lock:
            if self._registration is not None:
                return
            self._registration = Registration(folder)
        self.publish()
        if folder is not None:
            atexit.register(self.publish)
            # Daemon, so that the process does not wait for it.
            threading.Thread(target=self._keep_publishing, name="metrics", daemon=True).start()

    def _keep_publishing(self) -> None:
        while True:
            sleep(_PUBLISH_SECONDS)
            try:
                self.publish()
            except MemoryError:
                continue
            except Exception:  # Or all later figures would be missing, too.
                _log.exception("The figures were not published")

    def publish(self) -> None:
        """Add to the series what has happened since the last time.

        Without room for series, the figures of that time are lost: they would fill the memory.
        """
        with self._lock:
            news = self._figures.take()
            registration = self._registration
            assert registration is not None
            if registration.series is None:
                registration.join()
            series = registration.series
            if series is None:
                return
            series.add(news)
            dropped = lines_dropped()
            series.add_dropped_lines(dropped - self._dropped)
            self._dropped = dropped
            _show_extension(series, install(self._app))

    def exposition(self, accept: str) -> Exposition:
        """Return the figures of all workers as text. It is made after the call, so that counters
        never go back from one call to the next, whichever workers get them.

        :param accept: a media type that prometheus_client knows.
        :raises NoFigures: if the figures of all workers cannot be known.
        """
        self.begin()
        asked_at = monotonic()
        with self._render_lock:
            known = self._expositions.get(accept)
            # Another thread may have made it while this one waited for the lock.
            if known is None or known.at < asked_at:
                known = self._expositions[accept] = self._expose(accept)
            return known

    def _expose(self, accept: str) -> Exposition:
        assert self._registration is not None
        self._registration.check()  # Or each of many who ask would wait in turn for an error.
        sleep(max(0.0, self._exposed_at + BETWEEN_SECONDS - monotonic()))
        at = self._exposed_at = monotonic()
        self.publish()
        self._registration.prepare()
        encode, content_type = choose_encoder(accept)
        return Exposition(content_type, encode(self._registration.registry), at)


def _show_extension(series: Series, extension: Extension) -> None:
    """Show seats and memory. Those of a worker that drains are no use to anybody else.

    During the spread of a reload, the workers before it and those after it have figures.
    """
    seats, budget = extension.seats.occupancy(), extension.budget
    refusing = extension.seats.refusing
    capacity = seats.seats_taken if refusing else seats.capacity
    size = budget.used if refusing else budget.size
    series.show_seats(capacity, seats.seats_taken, seats.draining)
    series.show_buffered(budget.used, size)
