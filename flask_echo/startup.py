"""Checks before a server starts. Each one ends the process with one line and exit code 2.

gunicorn's master imports this module; see :mod:`flask_echo.gunicorn_conf`.
"""

import resource
import sys
from typing import NoReturn


def refuse(reason: str) -> NoReturn:
    """End the process: print the reason in one line on stderr, and exit with code 2."""
    print(f"flask_echo: {reason}", file=sys.stderr)
    sys.exit(2)


def allow_open_files(count: int, seats: int, per_seat: int = 1) -> None:
    """Raise this process's limit on open files to ``count``, or end the process.

    :param seats: the number of seats per worker, for the error.
    :param per_seat: how many files each seat takes, for the error.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= count:
        return
    if hard != resource.RLIM_INFINITY and hard < count:
        possible = max(0, seats + (hard - count) // per_seat)
        refuse(
            f"FLASK_ECHO_MAX_CONNECTIONS={seats} needs {count} open files, and the limit is"
            f" {hard} (ulimit -Hn). It is enough for {possible} connections."
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
