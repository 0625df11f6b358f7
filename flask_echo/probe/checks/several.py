"""Do several connections open at once? And which servers do they reach?"""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, BrokenBarrierError
from time import sleep

from flask_echo.diagnosis.facts import Facts, problem_in
from flask_echo.diagnosis.verdict import Verdict, judge
from flask_echo.probe.opening import NotOpen
from flask_echo.probe.session import Session, new_trace

_CONNECTIONS = 6
# A proxy learns a little later that a connection has ended.
_PAUSE_SECONDS = 0.4


def several(session: Session) -> Verdict:
    """Open some connections at once, and hold them. If some fail, try again, then one at a time."""
    traces, failed = _hold_all(session)
    if failed:  # A busy machine may have been late. Nobody is accused for one failure.
        sleep(_PAUSE_SECONDS)
        traces, failed = _hold_all(session)
    facts: Facts = {
        "failed": bool(failed),
        "servers": "one",
        "count": str(len(failed)),
        "all": str(_CONNECTIONS),
    }
    if failed:
        facts |= _why(session, *failed[0])
    elif session.ours:
        facts["servers"] = _servers(session, traces)
    return judge("several", facts)


def _hold_all(session: Session) -> tuple[list[str], list[tuple[str, NotOpen]]]:
    """Return the traces of some connections at once, and those of them that did not open."""
    barrier = Barrier(_CONNECTIONS)
    traces = [new_trace() for _ in range(_CONNECTIONS)]
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        failures = list(pool.map(lambda trace: _hold(session, trace, barrier), traces))
    return traces, [(trace, error) for trace, error in zip(traces, failures, strict=True) if error]


def _hold(session: Session, trace: str, barrier: Barrier) -> NotOpen | None:
    """Open a connection, and close it when all others have been tried."""
    try:
        with session.open(trace=trace):
            _meet(barrier, session.timeout)
    except NotOpen as error:
        _meet(barrier, session.timeout)
        return error
    return None


def _meet(barrier: Barrier, seconds: float) -> None:
    try:
        barrier.wait(2 * seconds)
    except BrokenBarrierError:
        return  # One of them takes longer than its time-out. The others need not wait.


def _servers(session: Session, traces: list[str]) -> str:
    """Return ``one`` or ``several``. A trace that cannot be found is that of another server."""
    found = [session.seen(trace)["attempts"] for trace in traces]
    names = {json.dumps(attempts[-1].get("server")) if attempts else "" for attempts in found}
    return "one" if len(names) == 1 else "several"


def _why(session: Session, trace: str, error: NotOpen) -> Facts:
    seen = session.seen(trace)
    attempt = seen["attempts"][-1] if seen["attempts"] else {}
    problem = attempt.get("refusal", {}).get("problem") or problem_in(error.attempt["answer"]).get(
        "problem", ""
    )
    server_saw = "something" if attempt or problem else seen["state"].replace("none", "nothing")
    alone = [_opens(session) for _ in range(_CONNECTIONS)] if not problem else []
    return {
        "problem": problem,
        "server_saw": server_saw,
        "alone": "" if problem else "all" if all(alone) else "some" if any(alone) else "none",
    }


def _opens(session: Session) -> bool:
    sleep(_PAUSE_SECONDS)
    try:
        with session.open():
            return True
    except NotOpen:
        return False
