"""How large may a message be?"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
# The time of smaller messages does not depend on their size.
_LARGE = 65_536
_PATIENCE = 3  # times the time that is expected


@dataclass(frozen=True)
class Result:
    """What became of a message.

    :ivar outcome: ``same``, ``changed``, ``ended`` or ``silent``; of a series, also ``all`` or
        ``slow``.
    :ivar size: bytes.
    :ivar code: of the Close frame; 1006 without one.
    :ivar expected: how long it should have taken, in seconds, by the sizes before it.
    """

    outcome: str
    size: int
    code: int = 0
    expected: float = 0.0


def message_size(session: Session) -> Verdict:
    """Send larger and larger messages, up to the limit of the server."""
    limit = _limit(session)
    steps = [size for size in _STEPS if size < (limit or _LARGEST_OF_OTHERS + 1)]
    sizes = [*steps, limit] if limit else steps
    largest, last = _climb(session, sizes)
    is_failure = last.outcome in ("changed", "ended", "silent")
    repeated = is_failure and _fails_again(session, last)
    facts = size_facts(last.outcome, largest, last.size, limit, last.code, repeated)
    return judge("message-size", facts)


def _climb(session: Session, sizes: Sequence[int]) -> tuple[int, Result]:
    """Return the largest size that came back, and what ended the series."""
    largest, pace = 0, 0.0  # seconds for a byte
    end = monotonic() + session.seconds(_SECONDS)
    with session.open(compression=False) as ws:
        for at, size in enumerate(sizes):
            expected = pace * size
            if monotonic() + expected > end:
                return largest, Result("slow", size)
            began = monotonic()
            result = _try(ws, size, session.timeout + _PATIENCE * expected)
            if result.outcome != "same":
                return largest, replace(result, expected=expected)
            largest = size
            pace = (monotonic() - began) / size if size >= _LARGE else 0.0
            session.progress((at + 1) / len(sizes))
    return largest, Result("all", 0)


def _limit(session: Session) -> int | None:
    """Return the server's limit in bytes; None if it cannot be known."""
    if not session.ours:
        return None
    trace = new_trace()
    with session.open(trace=trace):
        attempts = session.seen(trace)["attempts"]
    limit = attempts[-1].get("limits", {}).get("max_message_bytes") if attempts else None
    return limit if isinstance(limit, int) else None


def _fails_again(session: Session, failure: Result) -> bool:
    """Try a size again on a new connection, before anybody is accused."""
    seconds = session.timeout + _PATIENCE * failure.expected
    try:
        with session.open(compression=False) as ws:
            return _try(ws, failure.size, seconds).outcome != "same"
    except NotOpen:
        return True


def _try(ws: ClientConnection, size: int, seconds: float) -> Result:
    sent = os.urandom(size)
    try:
        ws.send(sent)
        received = ws.recv(timeout=seconds)
    except TimeoutError:
        return Result("silent", size)
    except ConnectionClosed as error:
        return Result("ended", size, error.rcvd.code if error.rcvd else 1006)
    return Result("same" if received == sent else "changed", size)
