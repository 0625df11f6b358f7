"""The query of ``/events``: which stream, from where, and how long to wait."""

from collections.abc import Iterable
from dataclasses import dataclass

from flask_echo.events.stream import (
    NANOSECONDS,
    BadCursor,
    Stream,
    checked_mean,
    checked_name,
)
from flask_echo.traces.ids import without_trace
from flask_echo.websocket.options import Kind, OptionError, checked, number

# Clocks of machines that keep time by NTP differ by less than a second. This is generous, and
# still tells a cursor of this stream from an invented one.
AHEAD_SECONDS = 60

LONGEST_WAIT_SECONDS = 60

_KINDS = {
    "stream": Kind(checked_name, "1 to 64 letters, digits, '.', '_' and '-'"),
    "mean": Kind(checked_mean, "a number of seconds from 0.05 to 3600"),
    "since": Kind(str, "an id or a next of this stream with this mean"),
    "wait": number(0, LONGEST_WAIT_SECONDS, "seconds"),
}
_REQUIRED = ("stream", "mean")

ALLOWED = {name: kind.allowed for name, kind in _KINDS.items()}


@dataclass(frozen=True)
class Query:
    """What a client wants to follow.

    :ivar stream: the stream.
    :ivar since: the position after which events are wanted.
    :ivar wait_seconds: how long a long poll waits; 0 for all other ways.
    """

    stream: Stream
    since: int
    wait_seconds: float = 0.0


def parse(
    items: Iterable[tuple[str, str]], now: int, may_wait: bool = False, resumed: str | None = None
) -> Query:
    """Return what a query asks for.

    :param items: names and values, in order.
    :param now: the time in nanoseconds (Unix).
    :param may_wait: whether ``wait`` is allowed.
    :param resumed: the cursor of a Last-Event-ID header, which is later than ``since``.
    :raises OptionError: if something is unknown, missing, there twice or not allowed.
    """
    allowed = _KINDS if may_wait else {name: _KINDS[name] for name in _KINDS if name != "wait"}
    texts: dict[str, str] = {}
    for name, text in without_trace(items):
        if name in texts:
            raise OptionError(f"{name} is there twice: use it once")
        checked(allowed, name, text, f"{name}={text}")
        texts[name] = text
    for name in _REQUIRED:
        if name not in texts:
            raise OptionError(f"{name} is missing: use {name}= and {ALLOWED[name]}")
    stream = Stream(texts["stream"], texts["mean"])
    name, cursor = ("Last-Event-ID", resumed) if resumed else ("since", texts.get("since"))
    since = _position(stream, name, cursor, now)
    return Query(stream, since, float(texts.get("wait", 0)))


def _position(stream: Stream, name: str, cursor: str | None, now: int) -> int:
    if cursor is None:
        return now
    try:
        position = stream.position(cursor)
    except BadCursor:
        raise OptionError(f"{name}={cursor[:100]} is not allowed: use {ALLOWED['since']}") from None
    ahead = (position - now) / NANOSECONDS
    if ahead > AHEAD_SECONDS:
        raise OptionError(
            f"{name}={cursor} is {ahead:.0f} seconds ahead of this server's clock: use"
            f" {ALLOWED['since']}, at most {AHEAD_SECONDS} seconds ahead"
        )
    return position
