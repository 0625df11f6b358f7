"""Streams of random events: a function of name, mean and time, and a Poisson process."""

from hashlib import shake_256
from itertools import islice, pairwise
from math import exp, sqrt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_echo.events import stream as module
from flask_echo.events.stream import MOST_EVENTS, NANOSECONDS, BadCursor, Stream

# A fixed phase: 2027-01-15, 08:00 UTC.
TODAY = 1_800_000_000 * NANOSECONDS
YEAR_1970, YEAR_2100 = 0, 4_102_444_800 * NANOSECONDS

ENOUGH = 10**6
EVENTS = 200_000

names = st.text("abcXYZ019._-", min_size=1, max_size=64)
means = st.sampled_from(["0.05", "0.25", "1", "10", "3600"])
# Any time from 1653 to 2287, so also before 1970.
times = st.integers(-(10**19), 10**19)


@given(names, means, times, st.lists(st.integers(0, 100_000), max_size=8))
def test_any_split_of_a_time_gives_the_events_of_the_whole(
    name: str, mean: str, start: int, cuts: list[int]
) -> None:
    # Cuts in thousandths of a mean interval, so the whole has about a hundred events.
    unit = int(float(mean) * NANOSECONDS) // 1000
    stream = Stream(name, mean)
    points = [start, *(start + cut * unit for cut in sorted(cuts)), start + 100_000 * unit]
    parts = [event for a, b in pairwise(points) for event in stream.between(a, b, ENOUGH)]
    assert parts == stream.between(points[0], points[-1], ENOUGH)
    assert parts


@given(names, means, times)
def test_a_split_at_an_event_neither_loses_nor_repeats_it(name: str, mean: str, at: int) -> None:
    stream = Stream(name, mean)
    first, second = islice(stream.after(at), 2)
    assert stream.between(at, first) == [first]
    assert stream.between(first, second) == [second]
    assert stream.between(first, second - 1) == []


@given(names, means, times)
def test_events_come_in_order_and_after_the_position(name: str, mean: str, start: int) -> None:
    events = [start, *islice(Stream(name, mean).after(start), 100)]
    assert all(earlier < later for earlier, later in pairwise(events))


@given(names, means, st.integers(0, 2**64 - 1))
def test_a_cursor_stands_for_its_position(name: str, mean: str, position: int) -> None:
    stream = Stream(name, mean)
    assert stream.position(stream.cursor(position)) == position
    assert set(stream.cursor(position)) <= set("0123456789abcdef-")


@pytest.mark.parametrize("other", [Stream("b", "1"), Stream("A", "1"), Stream("a", "1.000000001")])
def test_a_cursor_of_another_stream_or_mean_is_none(other: Stream) -> None:
    with pytest.raises(BadCursor):
        Stream("a", "1").position(other.cursor(TODAY))


@pytest.mark.parametrize(
    "change",
    [
        lambda good: "",
        lambda good: "garbage",
        lambda good: good[:9],
        lambda good: good + "0" * 10,
        lambda good: good + "\n",
        lambda good: " " + good,
        lambda good: good[:9] + "-" + good[9:],
        lambda good: good[:9] + "0x1",
        lambda good: good[:9] + "\u0661",
    ],
)
def test_a_text_that_is_no_cursor_is_refused(change: Any) -> None:
    stream = Stream("a", "1")
    with pytest.raises(BadCursor):
        stream.position(change(stream.cursor(TODAY)))


@pytest.mark.parametrize("text", ["10.0", "10.000000000", "0010"])
def test_a_mean_may_be_written_in_several_ways(text: str) -> None:
    ten, same = Stream("a", "10"), Stream("a", text)
    assert same.cursor(TODAY) == ten.cursor(TODAY)
    assert same.between(TODAY, TODAY + 10**12) == ten.between(TODAY, TODAY + 10**12)


def test_a_query_returns_a_thousand_events_at_most() -> None:
    stream = Stream("a", "0.05")
    assert stream.between(TODAY, TODAY + 10**12) == list(islice(stream.after(TODAY), MOST_EVENTS))


@pytest.fixture(scope="module", params=[("a", "0.05"), ("b", "1"), ("c", "3600")])
def counted(request: pytest.FixtureRequest) -> tuple[list[int], int]:
    """The events in a time of 200,000 mean intervals, and that interval in nanoseconds."""
    name, mean = request.param
    interval = int(float(mean) * NANOSECONDS)
    return Stream(name, mean).between(TODAY, TODAY + EVENTS * interval, ENOUGH), interval


def test_the_mean_interval_is_right(counted: tuple[list[int], int]) -> None:
    events, _ = counted
    # The count of a Poisson process has its mean as its variance.
    assert abs(len(events) - EVENTS) < 4 * sqrt(EVENTS)


@pytest.mark.parametrize("multiple", [0.1, 1, 3])
def test_the_gaps_have_an_exponential_distribution(
    counted: tuple[list[int], int], multiple: float
) -> None:
    events, interval = counted
    gaps = [later - earlier for earlier, later in pairwise(events)]
    share = sum(gap > multiple * interval for gap in gaps) / len(gaps)
    expected = exp(-multiple)
    assert abs(share - expected) < 4 * sqrt(expected * (1 - expected) / len(gaps))


def test_neighbouring_gaps_are_independent(counted: tuple[list[int], int]) -> None:
    events, interval = counted
    long = [later - earlier > interval for earlier, later in pairwise(events)]
    share = sum(a and b for a, b in pairwise(long)) / len(long)
    # Pairs overlap, so their counts are correlated: the variance is below three times this one.
    expected = exp(-2)
    assert abs(share - expected) < 4 * sqrt(3 * expected * (1 - expected) / len(long))


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The seeds of all cells that are computed meanwhile."""
    seeds: list[bytes] = []

    def counting(seed: bytes) -> Any:
        seeds.append(seed)
        return shake_256(seed)

    monkeypatch.setattr(module, "shake_256", counting)
    return seeds


@pytest.mark.parametrize("year", [YEAR_1970, TODAY, YEAR_2100, 2**63])
@pytest.mark.parametrize("mean", ["0.05", "1", "3600"])
def test_a_lookup_costs_the_same_at_all_times(hashes: list[bytes], mean: str, year: int) -> None:
    interval = int(float(mean) * NANOSECONDS)
    start = year // (8 * interval) * (8 * interval)
    Stream("a", mean).between(start, start + 4 * interval)
    # The events of half a cell, and perhaps the first one of the next cell or of one after it.
    assert 1 <= len(hashes) <= 3


# Clients keep cursors, and machines of one service may have different versions. So these never
# change. They were written down on 2026-11-28, by CPython 3.11 on x86-64.
GOLDEN: dict[tuple[str, str, int], list[int]] = {
    ("demo", "10", TODAY): [
        1_800_000_006_659_917_418,
        1_800_000_055_484_428_826,
        1_800_000_072_518_644_682,
    ],
    ("a.b_c-D", "0.05", TODAY): [
        1_800_000_000_053_750_950,
        1_800_000_000_143_265_950,
        1_800_000_000_208_205_810,
    ],
    ("demo", "3600", YEAR_2100): [
        4_102_449_123_460_314_742,
        4_102_449_423_703_093_782,
        4_102_450_801_698_557_435,
    ],
    ("demo", "10", -1): [
        13_243_673_595,
        22_404_846_802,
        33_336_482_074,
    ],
}


@pytest.mark.parametrize("key", GOLDEN, ids=str)
def test_streams_are_the_same_in_all_versions_and_on_all_machines(
    key: tuple[str, str, int],
) -> None:
    name, mean, position = key
    assert list(islice(Stream(name, mean).after(position), 3)) == GOLDEN[key]


def test_cursors_are_the_same_in_all_versions() -> None:
    assert Stream("demo", "10").cursor(TODAY) == "b6725bab-18fae27693b40000"
