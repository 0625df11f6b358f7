"""How much time a stopping worker takes, and for what.

gunicorn's master imports this module; see :mod:`flask_echo.worker`.
"""

from enum import Enum
from typing import NamedTuple

from flask_echo.websocket.limits import DrainTimes

# The master kills its workers after graceful_timeout. A worker cuts its open connections this much
# earlier.
EXIT_SECONDS = 2.0

# SIGINT (Ctrl-C) and SIGQUIT: time for the open connections to say goodbye.
QUICK_SECONDS = 1.0


class Cause(Enum):
    """Why a worker stops."""

    SERVER = "the master stops, and all its workers"
    RETIRED = "the master stops this worker, and others serve: a reload, or fewer are wanted"
    OTHER = "a signal from elsewhere, max_requests, or the loss of the master"


class Timetable(NamedTuple):
    """When a stopping worker does what, on the monotonic clock in seconds.

    :ivar refuse_at: when it begins to refuse new WebSockets, and to end the open ones.
    :ivar spread: seconds between the first and the last of these ends.
    :ivar closing: seconds for the last closing handshake.
    :ivar cut_at: when it cuts what is left.
    """

    refuse_at: float
    spread: float
    closing: float
    cut_at: float


def timetable(cause: Cause, wanted: DrainTimes, graceful_timeout: float, now: float) -> Timetable:
    """Plan the stop of a worker.

    The delay and the spread get what ``graceful_timeout`` leaves to them. A worker that stops for
    another cause than its master's will may not be replaced before it has ended: it takes neither.

    :param wanted: what the settings give.
    :param graceful_timeout: gunicorn's setting, in seconds.
    :param now: when the stop began.
    """
    room = max(QUICK_SECONDS, graceful_timeout - EXIT_SECONDS)
    closing = max(min(wanted.closing, room), room - wanted.delay - wanted.spread)
    delay = min(wanted.delay, room - closing)
    spread = min(wanted.spread, room - closing - delay)
    delay = delay if cause is Cause.SERVER else 0.0
    spread = spread if cause is not Cause.OTHER else 0.0
    return Timetable(now + delay, spread, closing, now + delay + spread + closing)
