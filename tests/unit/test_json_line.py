"""Lines of JSON: what is in them, and that nothing can break or forge them."""

import io
import logging
import math
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_echo.logs import json_line
from flask_echo.logs.json_line import JsonFormatter, Line, notice, of_text
from flask_echo.logs.writing import LONGEST_TEXT, PIECE_BYTES
from tests.support.json_lines import MODEL, parse

# All that a text of Python can hold: control characters, line ends of Unicode, lone surrogates.
TEXTS = st.text(st.characters(), max_size=300)
EVIL = "\n\r\x00\x1b\x7f\x85\u2028\u2029\u202e\ud800\"\\',{}"


def record(message: object = "text", *args: object, **extra: Any) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": "a.b", "levelno": 20, "levelname": "INFO", **extra})
    made.msg, made.args = message, args
    return made


def formatted(record: logging.LogRecord) -> dict[str, Any]:
    line = JsonFormatter().format(record)
    assert len(line) < LONGEST_TEXT
    return parse(line)


def caught(raise_: Callable[[], object]) -> logging.LogRecord:
    try:
        raise_()
    except BaseException:
        return record("failed", exc_info=sys.exc_info())
    raise AssertionError


# -- What is in a line -----------------------------------------------------------------------


def test_a_record_has_the_fields_of_the_log_data_model() -> None:
    line = formatted(record("%s and %d", "one", 2, created=1795900995.3456, process=7))
    assert line == {
        "timestamp": "2026-11-28T21:23:15.345Z",
        "severity_text": "INFO",
        "severity_number": 9,
        "body": "one and 2",
        "process.pid": 7,
        "otel.scope.name": "a.b",
    }


@pytest.mark.parametrize(
    ("level", "number"), [(1, 1), (10, 5), (19, 5), (20, 9), (30, 13), (40, 17), (50, 21), (99, 21)]
)
def test_a_level_has_the_number_of_its_range(level: int, number: int) -> None:
    assert formatted(record(levelno=level))["severity_number"] == number


def test_fields_of_the_caller_are_there_and_keep_the_types_of_json() -> None:
    given = {"a.b": 1, "c": 1.5, "d": True, "e": None, "f": "x", "trace_id": "0a" * 16}
    line = formatted(record(**given))
    assert {name: line[name] for name in given} == given


def test_the_caller_cannot_replace_our_fields() -> None:
    own = formatted(record(created=1.0, process=3))
    names = ("timestamp", "severity_text", "severity_number", "body", "process.pid")
    forged = record(created=1.0, process=3, **dict.fromkeys((*names, "otel.scope.name"), "forged"))
    assert formatted(forged) == own


def test_an_exception_has_type_message_and_traceback() -> None:
    line = formatted(caught(lambda: 1 // 0))
    assert line["exception.type"] == "ZeroDivisionError"
    assert line["exception.message"] == "integer division or modulo by zero"
    assert line["exception.stacktrace"].startswith("Traceback (most recent call last):\n")
    assert "1 // 0" in line["exception.stacktrace"]
    assert formatted(caught(lambda: int("x")))["exception.type"] == "ValueError"
    unsupported = caught(lambda: io.BytesIO().detach())
    assert formatted(unsupported)["exception.type"] == "io.UnsupportedOperation"


def test_a_record_may_have_a_stack_and_no_exception() -> None:
    line = formatted(record(stack_info="Stack (most recent call last):", exc_info=(None,) * 3))
    assert line["code.stacktrace"] == "Stack (most recent call last):"
    assert not [name for name in line if name.startswith("exception.")]


def test_the_colours_of_flask_run_are_left_out() -> None:
    assert formatted(record("\x1b[31m\x1b[1mWARNING: x\x1b[0m\n"))["body"] == "WARNING: x"


def test_a_notice_of_dropped_lines_has_their_number() -> None:
    text = notice(17, "the log is not read fast enough")
    line = parse(text.removesuffix("\n"))
    assert line["body"] == "17 log lines were dropped: the log is not read fast enough"
    assert (line["flask_echo.dropped_lines"], line["severity_text"]) == (17, "WARNING")


def test_a_text_names_its_stream() -> None:
    assert parse(of_text(b"one\ntwo", "stderr"))["log.iostream"] == "stderr"
    assert parse(of_text(b"one\ntwo", None))["body"] == "one\ntwo"


# -- What cannot break it --------------------------------------------------------------------


@given(TEXTS, TEXTS, TEXTS)
def test_no_text_breaks_a_line(message: str, name: str, value: str) -> None:
    line = formatted(record("%s", message, **{f"x{name}": value}, levelname=value))
    assert set(line) >= MODEL - {"event_name", "trace_id"}


@given(st.binary(max_size=300))
def test_no_bytes_break_a_line(text: bytes) -> None:
    parse(of_text(text, "stdout"))


@given(
    st.one_of(st.integers(), st.floats(), st.binary(), st.lists(st.floats()), st.complex_numbers())
)
def test_no_value_breaks_a_line(value: object) -> None:
    formatted(record(value=value))


def test_what_a_text_says_stays_readable() -> None:
    line = formatted(record(value=EVIL))
    assert line["value"] == EVIL.replace("\ud800", "\\ud800")


def test_numbers_that_json_does_not_have_are_texts() -> None:
    values = {"a": math.inf, "b": -math.inf, "c": math.nan, "d": 2**63, "e": 10**5000}
    line = formatted(record(**values))
    assert [line[name] for name in "abcd"] == ["inf", "-inf", "nan", "0x8000000000000000"]
    assert "characters cut" in line["e"]


def test_an_object_that_cannot_be_shown_is_named_by_its_class() -> None:
    class Rude:
        def __str__(self) -> str:
            raise ValueError

    assert formatted(record(value=Rude()))["value"] == "<Rude>"


# -- How long it is --------------------------------------------------------------------------


@pytest.mark.parametrize("char", ["a", "\n", "\u20ac", "\U0001f600", "\ud800", '"'])
def test_a_long_value_loses_its_middle_and_says_how_much(char: str) -> None:
    text = formatted(record(value=f"begin{char * 100_000}end"))["value"]
    assert text.startswith("begin")
    assert text.endswith("end")
    assert "characters cut) ..." in text
    assert len(ascii(text)) < 1000


def test_the_longest_line_that_a_client_can_fill_is_one_piece() -> None:
    names = ("client.address", "url.path", "url.query", "user_agent.original", "f.close.reason")
    numbers = {f"flask_echo.number.{n}": 2**62 for n in range(8)}
    for char in ("a", "\x00", "\U0001f600"):
        texts = dict.fromkeys(names, char * 9000)
        event = record(char * 9000, event_name="x" * 30, trace_id="a" * 32, **texts, **numbers)
        assert len(JsonFormatter().format(event)) < PIECE_BYTES


def test_too_many_fields_leave_those_of_the_model() -> None:
    line = formatted(record("text", **{f"field{n}": "x" * 300 for n in range(300)}))
    assert line["body"] == "text"
    assert line["flask_echo.dropped_fields"] == 302


def test_a_long_traceback_is_cut_and_keeps_its_end() -> None:
    def deep(n: int) -> int:
        return deep(n - 1) if n else 1 // 0

    def fail() -> None:
        raise ValueError("x" * 10**6)

    line = formatted(caught(fail))
    assert len(line["exception.stacktrace"]) < json_line.BODY_BYTES
    assert formatted(caught(lambda: deep(300)))["exception.stacktrace"].endswith("by zero")


def test_a_line_stays_one_when_a_handler_ends_it() -> None:
    line = JsonFormatter().format(record())
    assert type(line + "\n") is Line
