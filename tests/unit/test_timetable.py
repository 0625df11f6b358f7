"""How much time a stopping worker takes."""

import subprocess
import sys

import pytest

from flask_echo.timetable import Cause, timetable
from flask_echo.websocket.limits import DrainTimes
from tests.support.servers import ROOT, environment

NOW = 1000.0


@pytest.mark.parametrize(
    ("cause", "wanted", "graceful", "expected"),
    [
        # The defaults, as gunicorn_conf has them.
        (Cause.SERVER, (0, 0, 5), 7, (0, 0, 5, 5)),
        # gunicorn_conf gives the sum of the three and two seconds.
        (Cause.SERVER, (10, 60, 5), 77, (10, 60, 5, 75)),
        (Cause.RETIRED, (10, 60, 5), 77, (0, 60, 5, 65)),
        (Cause.OTHER, (10, 60, 5), 77, (0, 0, 5, 5)),
        # More time of the user's own goes to the goodbyes.
        (Cause.SERVER, (0, 0, 5), 62, (0, 0, 60, 60)),
        (Cause.SERVER, (10, 20, 5), 62, (10, 20, 30, 60)),
        # With less, the goodbyes come first, then the delay.
        (Cause.SERVER, (10, 60, 5), 30, (10, 13, 5, 28)),
        (Cause.SERVER, (10, 60, 5), 12, (5, 0, 5, 10)),
        (Cause.SERVER, (10, 60, 5), 4, (0, 0, 2, 2)),
        (Cause.SERVER, (10, 60, 5), 1, (0, 0, 1, 1)),
    ],
)
def test_delay_and_spread_get_what_the_goodbyes_leave(
    cause: Cause,
    wanted: tuple[float, float, float],
    graceful: float,
    expected: tuple[float, float, float, float],
) -> None:
    delay, spread, closing, cut = expected
    plan = timetable(cause, DrainTimes(*wanted), graceful, NOW)
    assert plan == (NOW + delay, spread, closing, NOW + cut)


def test_gunicorn_s_graceful_timeout_is_the_sum() -> None:
    shown = "from flask_echo.gunicorn_conf import graceful_timeout; print(graceful_timeout)"
    times = {
        "DRAIN_DELAY_SECONDS": 10.5,
        "DRAIN_SPREAD_SECONDS": 60,
        "CLOSE_TIMEOUT_SECONDS": 5,
    }
    told = subprocess.check_output(
        [sys.executable, "-c", shown], cwd=ROOT, env=environment(**times), timeout=60
    )
    assert int(told) == 78  # with two seconds for the exit, rounded up
