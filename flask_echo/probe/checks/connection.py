"""Does a WebSocket open? And did the request arrive as it was sent?"""

from time import time

from flask_echo.diagnosis.evidence import Attempt, ConnectionEvidence, Seen
from flask_echo.diagnosis.facts import (
    Facts,
    arrival_facts,
    by,
    compression_facts,
    connection_facts,
)
from flask_echo.diagnosis.verdict import Verdict, judge
from flask_echo.probe.network import Unreachable
from flask_echo.probe.opening import NotOpen
from flask_echo.probe.session import OutOfTime, Session, new_trace

_NOTHING = Seen(state="unknown", attempts=[], reason="there is no connection")
_SOON_DAYS = 14
_DAY = 86_400


def connection(session: Session) -> list[Verdict]:
    """Open one WebSocket. If that fails, find out who refused it."""
    try:
        session.steps = session.network.walk()
    except Unreachable as error:
        attempt = Attempt(outcome="unreachable", why=error.why, answer=None)
        facts = connection_facts(_evidence(session, attempt)) | {"reason": str(error)}
        return [judge("connection", facts)]
    found = _tls(session)
    evidence, extensions, reason = _attempted(session)
    if evidence["upgrade"]["outcome"] == "silent" and session.seconds(1.0):
        # Time is not proof: what was slow once is tried again.
        evidence, extensions, reason = _attempted(session)
    facts = connection_facts(evidence)
    facts["reason"] = facts["reason"] or reason
    session.product = str(facts["product"])
    session.unknown = evidence["trace"]["reason"]
    found.append(judge("connection", facts))
    if evidence["upgrade"]["outcome"] == "open":
        found += _arrival(evidence, facts, extensions)
    return found


def _tls(session: Session) -> list[Verdict]:
    if not session.target.secure:
        return []
    expires = session.steps.expires
    days = None if expires is None else (expires - time()) / _DAY
    facts: Facts = {
        "checked": expires is not None,
        "soon": days is not None and days < _SOON_DAYS,
        "tls": session.steps.tls,
        "days": "" if days is None else f"{days:.0f}",
    }
    return [judge("tls", facts)]


def _attempted(session: Session) -> tuple[ConnectionEvidence, list[str] | None, str]:
    """Open a WebSocket, and gather all that is to be known about it.

    Return the evidence, the extensions that the client got, and what the client library said.
    """
    trace, control_trace = new_trace(), new_trace()
    health, control = session.health(), session.control(control_trace)
    session.ours = "service" in (by(health), by(control))
    extensions: list[str] | None = None
    reason = ""
    try:
        with session.open(trace=trace) as ws:
            extensions = [extension.name for extension in ws.protocol.extensions]
            attempt = Attempt(outcome="open", why="", answer=None)
            seen = session.seen(trace)
    except OutOfTime:  # Nothing was answered so far, and so nothing else will be.
        attempt, seen = Attempt(outcome="silent", why="", answer=None), _NOTHING
    except NotOpen as error:
        attempt, reason = error.attempt, str(error)
        seen = session.seen(trace)
    if by(attempt["answer"]) == "service" and not session.ours:
        session.ours = True
    evidence = _evidence(session, attempt)
    evidence |= {"control": control, "health": health, "trace": seen}
    evidence["control_trace"] = session.seen(control_trace)
    return evidence, extensions, reason


def _evidence(session: Session, attempt: Attempt) -> ConnectionEvidence:
    target = session.target
    return ConnectionEvidence(
        asked={
            "path": target.path,
            "host": target.authority,
            "origin": session.opener.origin,
        },
        upgrade=attempt,
        control=None,
        health=None,
        trace=_NOTHING,
        control_trace=_NOTHING,
    )


def _arrival(
    evidence: ConnectionEvidence, facts: Facts, extensions: list[str] | None
) -> list[Verdict]:
    """Judge how the request arrived. A wrong path makes everything else meaningless."""
    arrived = facts | arrival_facts(evidence)
    path = judge("path", arrived)
    if path.verdict == "bad":
        return [path]
    offers = compression_facts(evidence, "permessage-deflate" in (extensions or []))
    return [
        path,
        judge("host", arrived),
        judge("origin", arrived),
        judge("compression", arrived | offers),
    ]
