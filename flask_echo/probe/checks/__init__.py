"""The checks of the terminal, in the order in which they run.

Each takes the session and returns verdicts. The first one finds out whether there is a connection
at all; without one, the others are skipped.
"""

from collections.abc import Callable
from typing import NamedTuple

from flask_echo.diagnosis.verdict import Verdict
from flask_echo.probe.checks.close_codes import close_codes
from flask_echo.probe.checks.integrity import integrity
from flask_echo.probe.checks.message_size import message_size
from flask_echo.probe.checks.round_trip import round_trip
from flask_echo.probe.checks.several import several
from flask_echo.probe.session import Session


class Check(NamedTuple):
    """A check after the connection.

    :ivar needs: what of this project's service it needs: ``faults`` or nothing.
    :ivar seconds: how long it may take.
    """

    name: str
    run: Callable[[Session], Verdict]
    needs: str = ""
    seconds: float = 8.0


CHECKS = (
    Check("round-trip", round_trip),
    Check("integrity", integrity),
    Check("message-size", message_size, seconds=12.0),
    Check("close-codes", close_codes, "faults"),
    Check("several", several),
)
