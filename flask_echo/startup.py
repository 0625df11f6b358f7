"""Checks before a server starts. Each one ends the process with one line and exit code 2.

gunicorn's master imports this module; see :mod:`flask_echo.gunicorn_conf`.
"""

import os
import resource
import sys
from typing import Any, NoReturn

from flask_echo import tls
from flask_echo.capacity import Capacity
from flask_echo.logs.streams import unblocked


def refuse(reason: str) -> NoReturn:
    """End the process: print the reason in one line on stderr, and exit with code 2."""
    if sys.stderr is not None:  # It is None if its descriptor is closed.
        print(f"flask_echo: {reason}", file=unblocked(sys.stderr))
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


def fitting_seats(wanted: int, capacity: Capacity) -> int:
    """Return how many seats each worker gets: ``wanted``, or fewer if not all fit.

    End the process if a number that the user has set does not fit, or no seat at all.
    """
    fit = capacity.fit()
    if wanted <= fit.seats:
        return wanted
    if "FLASK_ECHO_MAX_CONNECTIONS" in os.environ or fit.seats == 0:
        refuse(
            f"FLASK_ECHO_MAX_CONNECTIONS={wanted} does not fit: {fit.reason}."
            f" It is enough for {fit.seats} connections in each worker."
        )
    return fit.seats


def load_certificate(cfg: Any) -> None:
    """Read the certificate for new workers, if TLS is on. End the process if it is bad.

    :param cfg: gunicorn's configuration.
    """
    if not cfg.is_ssl:
        return
    try:
        tls.renew(cfg)
    except tls.BadCertificate as error:
        refuse(str(error))


def survive_bad_reloads(server: Any) -> None:
    """Let gunicorn's master keep its configuration if a reload (SIGHUP) finds a bad one.

    gunicorn ends the master: with it, the service ends. Here, new workers start with the old
    configuration and the old certificate, and the reason is on stderr.

    :param server: gunicorn's arbiter.
    """
    app, load = server.app, server.app.do_load_config

    def load_or_keep() -> None:
        before = app.cfg
        try:
            load()
            load_certificate(app.cfg)
        except (Exception, SystemExit):
            app.cfg = before
            server.log.error("The new configuration is bad. The old one stays; see the error above")

    app.do_load_config = load_or_keep
