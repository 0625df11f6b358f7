"""The states of a connection: which way they go, and who decides."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from flask_echo.websocket.control import Close
from flask_echo.websocket.endings import LOST, STUCK, ending
from flask_echo.websocket.lifecycle import Lifecycle, State

FIRST, SECOND = ending(4001, "first"), ending(4002, "second")


@pytest.fixture
def lifecycle() -> Lifecycle:
    """That of an open connection."""
    lifecycle = Lifecycle()
    lifecycle.open()
    return lifecycle


def test_the_thread_that_makes_it_is_the_owner() -> None:
    lifecycle = Lifecycle()
    assert lifecycle.is_owner()
    with ThreadPoolExecutor(1) as pool:
        assert not pool.submit(lifecycle.is_owner).result(10)


def test_who_begins_to_close_first_sets_code_and_reason(lifecycle: Lifecycle) -> None:
    assert (lifecycle.code, lifecycle.reason) == (1005, None)
    assert lifecycle.begin_closing(FIRST)
    assert not lifecycle.begin_closing(SECOND, asked=True)
    assert lifecycle.state is State.CLOSING
    assert (lifecycle.code, lifecycle.reason, lifecycle.asked) == (4001, "first", None)


def test_before_it_is_open_only_another_thread_asks_for_the_end() -> None:
    lifecycle = Lifecycle()
    assert not lifecycle.begin_closing(FIRST)
    assert lifecycle.begin_closing(SECOND, asked=True)
    lifecycle.open()
    assert lifecycle.state is State.CLOSING
    assert lifecycle.asked is SECOND


def test_a_broken_frame_is_noted_although_the_end_has_begun(lifecycle: Lifecycle) -> None:
    lifecycle.begin_closing(FIRST, asked=True)
    lifecycle.break_off(STUCK)
    assert (lifecycle.broken, lifecycle.code) == (STUCK, 4001)


def test_there_is_no_way_back_from_closed(lifecycle: Lifecycle) -> None:
    lifecycle.close()
    lifecycle.open()
    assert not lifecycle.begin_closing(FIRST, asked=True)
    assert lifecycle.state is State.CLOSED


def test_only_one_close_frame_is_the_first(lifecycle: Lifecycle) -> None:
    lifecycle.note_first_close("server", Close(4001))
    lifecycle.note_first_close("client", Close(4002))
    assert lifecycle.first_close == ("server", 4001)


def test_a_close_frame_before_a_broken_stream_says_why(lifecycle: Lifecycle) -> None:
    lifecycle.break_off(LOST)
    lifecycle.note_last_close(Close(4003, "bye"))
    assert lifecycle.first_close == ("client", 4003)
    assert (lifecycle.code, lifecycle.reason) == (4003, "bye")
