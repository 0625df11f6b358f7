"""The checks of the terminal after the connection, in the order in which they run.

Each takes the session and returns a verdict.
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
    """A check.

    :ivar needs: what it needs of the server: ``faults`` (that it simulates them), ``echo`` or
        nothing.
    """

    name: str
    run: Callable[[Session], Verdict]
    needs: str = ""


CHECKS = (
    Check("round-trip", round_trip, "echo"),
    Check("integrity", integrity, "echo"),
    Check("message-size", message_size, "echo"),
    Check("close-codes", close_codes, "faults"),
    Check("several", several),
)
