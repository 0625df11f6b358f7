"""The query of ``/events``: each error names what was wrong, and what is allowed."""

import pytest

from flask_echo import create_app
from flask_echo.events.query import parse
from flask_echo.events.stream import NANOSECONDS, Stream
from flask_echo.websocket import OptionError

NOW = 1_800_000_000 * NANOSECONDS
GOOD = [("stream", "demo"), ("mean", "10")]
DEMO = Stream("demo", "10")

NAMES = "1 to 64 letters, digits, '.', '_' and '-'"
MEANS = "a number of seconds from 0.05 to 3600"
CURSORS = "an id or a next of this stream with this mean"
WAITS = "a number of seconds from 0 to 60"


def seconds_ahead(seconds: int) -> str:
    return DEMO.cursor(NOW + seconds * NANOSECONDS)


def replaced(name: str, text: str) -> list[tuple[str, str]]:
    return [(key, text if key == name else value) for key, value in [*GOOD, ("since", "")]]


def error(items: list[tuple[str, str]], may_wait: bool = False) -> str:
    with pytest.raises(OptionError) as caught:
        parse(items, NOW, may_wait)
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize(("name", "allowed"), [("stream", NAMES), ("mean", MEANS)])
def test_a_missing_option_is_named(name: str, allowed: str) -> None:
    items = [item for item in GOOD if item[0] != name]
    assert error(items) == f"{name} is missing: use {name}= and {allowed}"


@pytest.mark.parametrize("item", [*GOOD, ("since", seconds_ahead(0)), ("wait", "1")])
def test_an_option_that_is_there_twice_is_named(item: tuple[str, str]) -> None:
    items = [*(other for other in GOOD if other != item), item, item]
    assert error(items, may_wait=True) == f"{item[0]} is there twice: use it once"


def test_an_unknown_option_is_named_with_those_that_there_are() -> None:
    said = error([*GOOD, ("speed", "9")], may_wait=True)
    assert said == "speed=9: no such option; there are mean, since, stream, wait"


def test_only_a_poll_may_wait() -> None:
    said = error([*GOOD, ("wait", "1")])
    assert said == "wait=1: no such option; there are mean, since, stream"


@pytest.mark.parametrize("text", ["", "a" * 65, "a b", "a/b", "a+b", "\xe4", "a\n", "a%20b"])
def test_a_bad_name_is_repeated_and_the_allowed_ones_are_described(text: str) -> None:
    with pytest.raises(OptionError) as caught:
        parse(replaced("stream", text), NOW)
    assert str(caught.value) == f"stream={text} is not allowed: use {NAMES}"


@pytest.mark.parametrize(
    "text",
    [
        *("", "0", "0.04", "0.049999999", "3600.1", "3601", "-1", "nan", "inf"),
        *("1e1", "1.", ".5", "1,5", " 1", "1_0", "0.0500000000", "00010", "\u0661"),
    ],
)
def test_a_bad_mean_is_repeated_and_the_allowed_ones_are_described(text: str) -> None:
    assert error(replaced("mean", text)) == f"mean={text} is not allowed: use {MEANS}"


@pytest.mark.parametrize("text", ["-1", "61", "60.1", "nan", "1e1", ""])
def test_a_bad_wait_is_repeated_and_the_allowed_ones_are_described(text: str) -> None:
    said = error([*GOOD, ("wait", text)], may_wait=True)
    assert said == f"wait={text} is not allowed: use {WAITS}"


@pytest.mark.parametrize(
    "text",
    ["", "garbage", Stream("other", "10").cursor(NOW), Stream("demo", "10.5").cursor(NOW)],
)
def test_a_cursor_of_something_else_is_repeated(text: str) -> None:
    assert error([*GOOD, ("since", text)]) == f"since={text} is not allowed: use {CURSORS}"


def test_a_long_text_is_repeated_in_part_only() -> None:
    assert len(error([*GOOD, ("since", "9" * 10_000)])) < 500
    assert len(error(replaced("stream", "9" * 10_000))) < 500


def test_a_cursor_may_be_ahead_by_as_much_as_clocks_differ() -> None:
    assert parse([*GOOD, ("since", seconds_ahead(59))], NOW).since == NOW + 59 * NANOSECONDS
    said = error([*GOOD, ("since", seconds_ahead(61))])
    assert said.endswith(
        f"is 61 seconds ahead of this server's clock: use {CURSORS}, at most 60 seconds ahead"
    )


def test_a_query_starts_now_at_its_since_or_at_its_last_event() -> None:
    earlier, later = seconds_ahead(-20), seconds_ahead(-10)
    assert parse(GOOD, NOW).since == NOW
    assert parse([*GOOD, ("since", earlier)], NOW).since == NOW - 20 * NANOSECONDS
    resumed = parse([*GOOD, ("since", earlier)], NOW, resumed=later)
    assert resumed.since == NOW - 10 * NANOSECONDS


@pytest.mark.parametrize("text", ["10", "10.0", "10.000000000"])
def test_one_mean_written_in_several_ways_is_one_stream(text: str) -> None:
    query = parse([("stream", "demo"), ("mean", text), ("since", seconds_ahead(0))], NOW)
    assert query.stream.cursor(NOW) == DEMO.cursor(NOW)


@pytest.mark.parametrize("query", ["", "stream=a", "stream=a&mean=9&mean=9", "stream=a&mean=0.04"])
def test_a_client_reads_what_was_wrong_and_what_is_allowed(query: str) -> None:
    answer = create_app().test_client().get(f"/events?{query}")
    problem = answer.get_json()
    assert (answer.status_code, answer.mimetype) == (400, "application/problem+json")
    assert "mean" in problem["detail"] or "stream" in problem["detail"]
    assert problem["allowed"] == {
        "stream": NAMES,
        "mean": MEANS,
        "since": CURSORS,
        "wait": WAITS,
    }


def test_an_event_stream_does_not_take_wait() -> None:
    client = create_app().test_client()
    headers = {"Accept": "text/event-stream"}
    answer = client.get("/events?stream=a&mean=1&wait=1", headers=headers)
    assert answer.status_code == 400
    assert "wait=1: no such option" in answer.get_json()["detail"]
