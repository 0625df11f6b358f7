"""How long does a message take there and back?"""

from math import ceil
from statistics import median, quantiles
from time import monotonic, sleep

from flask_echo.diagnosis.facts import is_uneven, round_trip_facts
from flask_echo.diagnosis.verdict import Verdict, judge
from flask_echo.probe.session import OutOfTime, Session

_MESSAGES = 200
_SECONDS = 3.0  # On a slow path a series stops here, with fewer messages.
# A busy machine stalls, too. So an uneven series is measured again, and the best one counts.
_SERIES = 3
_WAITS, _WAIT_SECONDS = 60, 0.005


def round_trip(session: Session) -> Verdict:
    """Send short messages, one at a time."""
    series: list[list[float]] = []
    while len(series) < _SERIES:
        times = _measure(session)
        series.append(times)
        if not is_uneven(median(times), _p99(times)):
            break
    best = min(series, key=_p99)
    facts = round_trip_facts(len(best), median(best), _p99(best))
    if facts["pace"] != "good":
        facts = round_trip_facts(len(best), median(best), _p99(best), _stall())
    return judge("round-trip", facts)


def _stall() -> float:
    """Return by how much this machine is late for a short wait, in milliseconds: the 95th
    percentile."""
    late = []
    for _ in range(_WAITS):
        began = monotonic()
        sleep(_WAIT_SECONDS)
        late.append((monotonic() - began - _WAIT_SECONDS) * 1000)
    return quantiles(late, n=20)[-1]


def _measure(session: Session) -> list[float]:
    """Return the round-trip times of some messages in milliseconds."""
    times: list[float] = []
    with session.open() as ws:
        began = monotonic()
        while len(times) < _MESSAGES and monotonic() - began < session.seconds(_SECONDS):
            sent = monotonic()
            ws.send(f"round trip {len(times)}")
            ws.recv(timeout=session.timeout)
            times.append((monotonic() - sent) * 1000)
            session.progress(len(times) / _MESSAGES)
    if not times:
        raise OutOfTime
    return times


def _p99(times: list[float]) -> float:
    """Return the 99th percentile by nearest rank, as the page does."""
    return sorted(times)[ceil(0.99 * len(times)) - 1]
