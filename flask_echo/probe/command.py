"""``flask-echo probe URL``: options, progress and output."""

import sys
from collections.abc import Sequence
from time import monotonic
from typing import Any

import click

from flask_echo.probe.network import Network, TimeLimit
from flask_echo.probe.opening import Opener
from flask_echo.probe.plan import RUN_SECONDS, Plan
from flask_echo.probe.report import (
    Report,
    line,
    server_of,
    to_json,
    to_junit,
    to_markdown,
    way,
)
from flask_echo.probe.run import run
from flask_echo.probe.session import Session
from flask_echo.probe.target import Target

_STEPS = 100  # of a progress bar
_FORMATS = {"json": to_json, "junit": to_junit, "markdown": to_markdown}


def probe(
    target: Target,
    plan: Plan,
    *,
    form: str,
    headers: Sequence[tuple[str, str]],
    origin: str | None,
    subprotocols: Sequence[str],
    insecure: bool,
    timeout: float,
) -> int:
    """Probe ``target``, print the result, and return the exit code.

    :param form: ``json``, ``junit``, ``markdown``, or empty for people.
    """
    began = monotonic()
    limit = TimeLimit(timeout, began + RUN_SECONDS)
    network = Network(target, limit, insecure, tuple(headers))
    opener = Opener(network, target.origin if origin is None else origin or None, subprotocols)
    session = Session(target, network, opener)
    display = _Display(session, is_for_people=not form)
    verdicts = []
    for verdict in run(session, plan, display.begin):
        display.show(line(verdict))
        verdicts.append(verdict)
    display.end()
    report = Report(str(target), server_of(session), verdicts, monotonic() - began)
    if form:
        click.echo(_FORMATS[form](report), nl=False)
    return report.exit_code


class _Display:
    """What people see while the probe runs: verdicts on stdout, progress on stderr."""

    def __init__(self, session: Session, is_for_people: bool) -> None:
        self._session = session
        self._is_for_people = is_for_people
        # In a file, a line for each check would only stand between the verdicts.
        self._shows_progress = sys.stderr.isatty() or not is_for_people
        self._bar: Any = None  # click does not export the type of its progress bars.
        self._has_way = False
        session.progress = self._progress
        if is_for_people:
            click.echo(f"Probing {session.target}")

    def begin(self, name: str) -> None:
        """A check begins."""
        self.end()
        if self._shows_progress:
            self._bar = click.progressbar(length=_STEPS, label=name, file=sys.stderr)
            self._bar.render_progress()

    def show(self, text: str) -> None:
        """A check has ended."""
        self.end()
        if not self._is_for_people:
            return
        if not self._has_way and self._session.steps.addresses:
            self._has_way = True
            click.echo(way(self._session))
        click.echo(text)

    def end(self) -> None:
        """No check runs."""
        if self._bar is not None:
            self._bar.render_finish()
        self._bar = None

    def _progress(self, share: float) -> None:
        if self._bar is not None:
            self._bar.update(round(_STEPS * share) - self._bar.pos)
