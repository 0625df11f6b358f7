"""One run of the probe: all checks, one after the other."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from time import monotonic

from websockets.exceptions import ConnectionClosed

from flask_echo.diagnosis.facts import problem_in
from flask_echo.diagnosis.verdict import Verdict, skipped
from flask_echo.probe.checks import CHECKS, Check
from flask_echo.probe.checks.connection import connection
from flask_echo.probe.checks.idle import idle
from flask_echo.probe.opening import NotOpen
from flask_echo.probe.plan import FIRST, IDLE, Plan
from flask_echo.probe.session import OutOfTime, Session

_NO_CONNECTION = "There is no connection."
_PATH_CHANGED = "The path was changed on the way, so it would be about another WebSocket."
_NO_ECHO = "This WebSocket does not return what it gets."
_NEEDS_OURS = "It needs the address /echo of a server of this project, which simulates the fault."
_TURNED_OFF = "It needs fault simulation, which is turned off on this server."
_NO_TIME = "The other checks took all the time of the run."


def run(session: Session, plan: Plan, begin: Callable[[str], None]) -> Iterator[Verdict]:
    """Yield each verdict when it is there.

    :param begin: is called with the name of each check before it runs.
    """
    begin(FIRST)
    verdicts = connection(session)
    yield from (
        verdict for verdict in verdicts if verdict.check == FIRST or plan.has(verdict.check)
    )
    path_is_good = all(v.verdict != "bad" for v in verdicts if v.check == "path")
    is_open = path_is_good and any(v.id == "open" for v in verdicts)
    reason = "" if is_open else _NO_CONNECTION if path_is_good else _PATH_CHANGED
    for check in CHECKS:
        if plan.has(check.name):
            begin(check.name)
            yield skipped(check.name, reason) if reason else _verdict(session, check)
    if plan.idle_seconds and plan.has(IDLE):
        begin(IDLE)
        yield skipped(IDLE, reason) if reason else _idle(session, plan.idle_seconds)


def _verdict(session: Session, check: Check) -> Verdict:
    if check.needs == "faults" and not session.simulates:
        return skipped(check.name, _NEEDS_OURS)
    if check.needs == "echo" and not session.echoes:
        return skipped(check.name, _NO_ECHO)
    return _guarded(session, check.name, lambda: check.run(session))


def _idle(session: Session, bound: float) -> Verdict:
    # It may be tried again, and the answer may take its time.
    session.network.limit.until = monotonic() + 3 * bound + 30
    return _guarded(session, IDLE, lambda: idle(session, bound))


def _guarded(session: Session, name: str, check: Callable[[], Verdict]) -> Verdict:
    """Run a check. A connection that it loses is a verdict, too."""
    session.progress(0.0)
    try:
        try:
            return check()
        except NotOpen as error:
            if _is_turned_off(error):
                return skipped(name, _TURNED_OFF)
            again = check()
            return _stalled(again, error) if again.verdict == "good" else again
    except OutOfTime:
        return skipped(name, _NO_TIME)
    except NotOpen as error:
        return _lost(name, f"A WebSocket that had opened before did not open again: {error}.")
    except TimeoutError:
        return _lost(name, "The connection stayed open, and no reply came in time.")
    except ConnectionClosed as error:
        code = error.rcvd.code if error.rcvd else 1006
        return _lost(name, f"The connection ended during the check, with code {code}.")


def _is_turned_off(error: NotOpen) -> bool:
    """Return whether the server simulates no faults, and so refuses those in a query."""
    return problem_in(error.attempt["answer"]).get("problem") == "query"


def _stalled(verdict: Verdict, error: NotOpen) -> Verdict:
    """Return what to say about a check that was good only the second time."""
    return replace(
        verdict,
        id="opening-stalled",
        verdict="notable",
        place="network",
        meaning=f"A WebSocket did not open once: {error}. When it was tried again, it did.",
        advice="Something on the path is unreliable. Run the probe again.",
        cures={},
    )


def _lost(name: str, meaning: str) -> Verdict:
    return Verdict(
        name,
        "lost",
        "bad",
        "network",
        meaning,
        "Run it again. If it fails again, look at the logs of the proxy and the server.",
    )
