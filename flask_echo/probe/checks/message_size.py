"""How large may a message be?"""

import os
from dataclasses import dataclass
from time import monotonic

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from flask_echo.diagnosis.facts import size_facts
from flask_echo.diagnosis.verdict import Verdict, judge
from flask_echo.probe.opening import NotOpen
from flask_echo.probe.session import Session, new_trace

# Frames encode their length differently from 126 and from 65,536 bytes on (RFC 6455, section 5.2).
_STEPS = (1, 125, 126, 1024, 4096, 16384, 65535, 65536, 262144, 2**20, 2**22, 2**24, 2**26)
# Of another server nobody knows the limit. Most have one of 1 MiB.
_LARGEST_OF_OTHERS = 2**20
_SECONDS = 8.0


@dataclass(frozen=True)
class Result:
    """What became of a message: ``same``, ``changed``, ``ended`` (with the code) or ``silent``."""

    outcome: str
    code: int = 0


def message_size(session: Session) -> Verdict:
    """Send larger and larger messages, up to the limit of the server."""
    limit = _limit(session)
    steps = [size for size in _STEPS if size < (limit or _LARGEST_OF_OTHERS + 1)]
    sizes = [*steps, limit] if limit else steps
    largest, failure, failed_size, slow = 0, None, 0, False
    began = monotonic()
    with session.open(compression=False) as ws:
        for at, size in enumerate(sizes):
            if monotonic() - began > session.seconds(_SECONDS):
                slow = True
                break
            result = _try(session, ws, size)
            if result.outcome != "same":
                failure, failed_size = result, size
                break
            largest = size
            session.progress((at + 1) / len(sizes))
    repeated = failure is not None and _fails_again(session, failed_size)
    outcome = failure.outcome if failure else "slow" if slow else "all"
    code = failure.code if failure else 0
    return judge("message-size", size_facts(outcome, largest, failed_size, limit, code, repeated))


def _limit(session: Session) -> int | None:
    """Return the server's limit in bytes; None if it cannot be known."""
    if not session.ours:
        return None
    trace = new_trace()
    with session.open(trace=trace):
        attempts = session.seen(trace)["attempts"]
    limit = attempts[-1].get("limits", {}).get("max_message_bytes") if attempts else None
    return limit if isinstance(limit, int) else None


def _fails_again(session: Session, size: int) -> bool:
    """Try a size again on a new connection, before anybody is accused."""
    try:
        with session.open(compression=False) as ws:
            return _try(session, ws, size).outcome != "same"
    except NotOpen:
        return True


def _try(session: Session, ws: ClientConnection, size: int) -> Result:
    sent = os.urandom(size)
    try:
        ws.send(sent)
        received = ws.recv(timeout=session.timeout)
    except TimeoutError:
        return Result("silent")
    except ConnectionClosed as error:
        return Result("ended", error.rcvd.code if error.rcvd else 1006)
    return Result("same" if received == sent else "changed")
