"""What ends a connection without traffic?

Two connections are open: one is idle, and one that was opened a little later is busy. If only the
idle one is cut, and another idle one is cut at the same age, it is an idle time-out. If both are
cut at the same age, it is a limit on the lifetime. If both are cut at the same moment, something
was restarted.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from time import monotonic, sleep

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from flask_echo.diagnosis.facts import idle_facts
from flask_echo.diagnosis.verdict import Verdict, judge
from flask_echo.probe.opening import NotOpen
from flask_echo.probe.session import Session, new_trace

# The busy connection is this much younger, in seconds.
YOUNGER = 2.0
_TICK = 0.1
# How often the busy one has a message.
_BUSY_SECONDS = 0.5
_REPLY_SECONDS = 5.0
# After a cut, a proxy that was restarted may need some time.
_RESTART_SECONDS = 15.0


@dataclass
class End:
    """How and when a connection ended. ``at`` is on the monotonic clock."""

    at: float
    code: int
    reason: str


def idle(session: Session, bound: float) -> Verdict:
    """Wait until something cuts an idle connection.

    :param bound: seconds to wait at most.
    """
    trace = new_trace()
    # The server's pings would keep the connection busy.
    query = "ping=off" if session.simulates else ""
    with session.open(query, trace) as quiet:
        opened = monotonic()
        first, second = _wait_for_end(quiet, YOUNGER), None
        busy_opened = opened
        if not first:
            with _patiently(session) as busy:
                busy_opened = monotonic()
                first, second = _watch(session, quiet, busy, opened + bound)
        alive = first is not None or _answers(quiet)
    ages = (first.at - opened if first else None, second.at - busy_opened if second else None)
    again = None
    if first and not second:
        again = _again(session, query, 1.3 * (first.at - opened) + 2 * YOUNGER)
    seen = session.seen(trace)["attempts"] if session.ours else []
    facts = idle_facts(
        waited=monotonic() - opened,
        alive=alive,
        ages=ages,
        apart=second.at - first.at if first and second else None,
        again=again,
        close=(first.code, first.reason) if first else None,
        attempt=seen[-1] if seen else None,
    )
    return judge("idle", facts | {"product": session.product})


def _watch(
    session: Session, quiet: ClientConnection, busy: ClientConnection, until: float
) -> tuple[End | None, End | None]:
    """Keep one connection busy until the other ends, and a little longer."""
    began, spoken = monotonic(), 0.0
    first: End | None = None
    second: End | None = None
    while monotonic() < until and not (first and second):
        session.progress(1 - (until - monotonic()) / max(until - began, _TICK))
        first = first or _wait_for_end(quiet, _TICK)
        if first and until > first.at + 1.5 * YOUNGER:
            until = first.at + 1.5 * YOUNGER
        if not second and monotonic() > spoken + _BUSY_SECONDS:
            second, spoken = _speak(busy), monotonic()
        second = second or _wait_for_end(busy, _TICK)
    return first, second


def _wait_for_end(ws: ClientConnection, seconds: float) -> End | None:
    until = monotonic() + seconds
    try:
        while (left := until - monotonic()) > 0:
            ws.recv(timeout=left)  # A message does not end it.
    except TimeoutError:
        return None
    except ConnectionClosed:
        return End(monotonic(), ws.close_code or 1006, ws.close_reason or "")
    return None


def _speak(ws: ClientConnection) -> End | None:
    try:
        ws.send("busy")
    except ConnectionClosed:
        return End(monotonic(), ws.close_code or 1006, ws.close_reason or "")
    return None


def _answers(ws: ClientConnection) -> bool:
    """Send a message: a connection can be dropped without a sign."""
    try:
        ws.send("still there?")
        ws.recv(timeout=_REPLY_SECONDS)
    except (TimeoutError, ConnectionClosed):
        return False
    return True


def _again(session: Session, query: str, bound: float) -> float | None:
    """Return the age at which another idle connection was cut; None if it was not."""
    with _patiently(session, query) as quiet:
        opened = monotonic()
        end = _wait_for_end(quiet, bound)
        return end.at - opened if end else None


@contextmanager
def _patiently(session: Session, query: str = "") -> Iterator[ClientConnection]:
    """Open a connection, also while something is being restarted."""
    until = monotonic() + _RESTART_SECONDS
    with ExitStack() as stack:
        while True:
            try:
                ws = stack.enter_context(session.open(query))
                break
            except NotOpen:
                if monotonic() > until:
                    raise
                sleep(_BUSY_SECONDS)
        yield ws
