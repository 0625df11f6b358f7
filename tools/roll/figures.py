"""What the events of the clients say about a stretch of time."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

# RFC 6455, section 7.1.5.
NO_CLOSE_FRAME = "1006"


class Event(NamedTuple):
    """A line of the file of :mod:`tools.roll.clients`."""

    time: float
    kind: str
    client: int
    detail: str

    @classmethod
    def parse(cls, line: str) -> "Event":
        """Parse a line."""
        time, kind, client, detail = line.rstrip("\n").split(" ", 3)
        return cls(float(time), kind, int(client), detail)


def read(file: Path) -> list[Event]:
    """Return all events of a file, in the order of time."""
    return sorted(Event.parse(line) for line in file.read_text().splitlines())


def between(events: Iterable[Event], start: float, end: float) -> list[Event]:
    """Return the events of a stretch of time."""
    return [event for event in events if start <= event.time < end]


def recoveries(events: Iterable[Event]) -> list[float]:
    """Return the seconds from each loss of a connection to the next reply of that client."""
    lost: dict[int, float] = {}
    seconds = []
    for event in events:
        if event.kind == "lost":
            lost.setdefault(event.client, event.time)
        elif event.kind == "reply" and event.client in lost:
            seconds.append(event.time - lost.pop(event.client))
    return seconds


def silences(events: Iterable[Event]) -> list[float]:
    """Return how long clients waited for a reply whose connection ended without a Close frame.

    From a client's first message without a reply to the next reply.
    """
    waiting: dict[int, float] = {}
    lost: set[int] = set()
    seconds = []
    for event in events:
        if event.kind == "sent":
            waiting.setdefault(event.client, event.time)
        elif event.kind == "lost" and event.detail == NO_CLOSE_FRAME:
            lost.add(event.client)
        elif event.kind == "reply" and event.client in waiting:
            began = waiting.pop(event.client)
            if event.client in lost:
                lost.remove(event.client)
                seconds.append(event.time - began)
    return seconds


def busiest_second(events: Iterable[Event]) -> int:
    """Return the most handshakes within one second, wherever it begins."""
    times = [event.time for event in events if event.kind == "open"]
    first = most = 0
    for last, time in enumerate(times):
        while time - times[first] >= 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


def codes(events: Iterable[Event]) -> dict[str, int]:
    """Return how many connections ended with each close code."""
    counts: dict[str, int] = defaultdict(int)
    for event in events:
        if event.kind == "lost":
            counts[event.detail] += 1
    return dict(counts)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def is_even(connections: Iterable[int]) -> bool:
    """Return whether no machine is more than 10 % away from the mean.

    Two connections do not count: with few clients they are more than 10 %.
    """
    counts = list(connections)
    mean = sum(counts) / len(counts)
    return all(abs(count - mean) <= max(0.1 * mean, 2.0) for count in counts)


@dataclass(frozen=True)
class Figure:
    """One line of the result.

    :ivar goal: in words; empty if there is none.
    :ivar is_reached: whether the goal is reached; true without one.
    :ivar is_timed: whether a busy machine can miss the goal.
    """

    name: str
    value: str
    goal: str = ""
    is_reached: bool = True
    is_timed: bool = False
