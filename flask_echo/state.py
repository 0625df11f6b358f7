"""What belongs to one application: its settings and its seats."""

from typing import NamedTuple, cast

from flask import current_app

from flask_echo.config import Settings
from flask_echo.seats import Seats

EXTENSION = "flask_echo"


class State(NamedTuple):
    """What is at ``app.extensions["flask_echo"]``."""

    settings: Settings
    seats: Seats


def state() -> State:
    """Return the state of the current application."""
    return cast(State, current_app.extensions[EXTENSION])
