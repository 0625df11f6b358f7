"""Does a WebSocket open? And did the request arrive as it was sent?"""

from time import sleep, time

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

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
from flask_echo.probe.session import OutOfTime, Session, drain, new_trace

_NOTHING = Seen(state="unknown", attempts=[], reason="there is no connection")
_MORE_TRIES = 2
_LATE_SECONDS = 1.0
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
    for _ in range(_MORE_TRIES):
        if not _needs_proof(evidence) or not session.seconds(1.0):
            break
        evidence, extensions, reason = _attempted(session)
    facts = connection_facts(evidence)
    facts["reason"] = facts["reason"] or reason
    session.product = str(facts["product"])
    found.append(judge("connection", facts))
    if evidence["upgrade"]["outcome"] == "open":
        found += _arrival(evidence, facts, extensions)
    return found


def _needs_proof(evidence: ConnectionEvidence) -> bool:
    """Return whether an attempt must be repeated before anybody is accused.

    Time alone is no proof. And of several machines behind one address, the one that tells of no
    upgrade request may not be the one that got it.
    """
    outcome = evidence["upgrade"]["outcome"]
    return outcome == "silent" or (outcome != "open" and evidence["trace"]["state"] == "none")


def _note_behaviour(session: Session, ws: ClientConnection) -> None:
    """Find out whether the server greets, and whether it returns a message."""
    message = f"echo {new_trace()}"
    try:
        session.greets = drain(ws)
        ws.send(message)
        session.echoes = ws.recv(timeout=session.timeout) == message
    except (TimeoutError, ConnectionClosed):
        session.echoes = False


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
            _note_behaviour(session, ws)
    except OutOfTime:  # Nothing was answered so far, and so nothing else will be.
        attempt, seen = Attempt(outcome="silent", why="", answer=None), _NOTHING
    except NotOpen as error:
        attempt, reason = error.attempt, str(error)
        if attempt["outcome"] == "silent":
            sleep(session.seconds(_LATE_SECONDS))  # A busy server may read it only now.
        seen = session.seen(trace)
    session.ours = session.ours or by(attempt["answer"]) == "service"
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
