"""Figures of one process, and their labels."""

from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from flask_echo.metrics.figures import ConnectionFigures, Figures
from flask_echo.metrics.labels import (
    STATUSES,
    close_labels,
    possible_ends,
    status_label,
)
from flask_echo.websocket import Connection
from flask_echo.websocket.lifecycle import FirstClose
from flask_echo.websocket.message_count import MessageCount
from flask_echo.websocket.outgoing import Outgoing


class Stub:
    """A connection, as a watch looks at it."""

    def __init__(self) -> None:
        self.first_close: FirstClose | None = None
        self.totals = SimpleNamespace(messages=0, bytes=0)
        self.count = MessageCount(cast(Outgoing, self.totals))

    def count_messages(self) -> MessageCount:
        return self.count

    def send(self, first: int, size: int) -> None:
        self.count.sent_binary += first == 0x82
        self.totals.bytes += size
        self.totals.messages += 1


def opened(figures: Figures) -> tuple[ConnectionFigures, Any]:
    watch, stub = ConnectionFigures(figures), Stub()
    watch.opening(cast(Connection, stub))
    return watch, stub


def test_messages_count_while_the_connection_is_open_and_at_its_end() -> None:
    figures = Figures()
    watch, stub = opened(figures)
    stub.send(0x81, 5)
    news = figures.take()
    assert (news.opened, news.open, news.ends) == (1, 1, [])
    assert +news.traffic == {"sent_text": 1, "sent_bytes": 5}
    assert not figures.take().traffic
    stub.send(0x82, 7)
    stub.first_close = FirstClose("client", 1000)
    watch.closed(stub)
    news = figures.take()
    assert (news.opened, news.open) == (0, 0)
    assert [end.labels for end in news.ends] == [("1000", "client")]
    assert +news.traffic == {"sent_binary": 1, "sent_bytes": 7}
    assert not figures.take().traffic


def test_a_connection_that_has_never_opened_does_not_end() -> None:
    figures = Figures()
    ConnectionFigures(figures).closed(cast(Connection, Stub()))
    assert figures.take().ends == []


def test_a_figure_that_is_too_low_for_a_moment_takes_nothing_back() -> None:
    figures = Figures()
    _, stub = opened(figures)
    stub.count.arrived_messages, stub.count.arrived_bytes = 3, 30
    assert +figures.take().traffic == {"received_text": 3, "received_bytes": 30}
    stub.count.leave_out("later", (3, 30))  # The total follows a moment later.
    assert not +figures.take().traffic
    stub.count.arrived_messages, stub.count.arrived_bytes = 4, 35
    assert not +figures.take().traffic
    stub.count.add_left_out("later")
    assert +figures.take().traffic == {"received_text": 1, "received_bytes": 5}


@given(st.integers(0, 1000))
def test_the_labels_of_a_status_are_a_closed_set(status: int) -> None:
    assert status_label(status) in STATUSES
    assert status_label(426) == "426"


@given(st.sampled_from(["client", "server"]), st.integers(0, 65535))
def test_the_labels_of_an_end_are_a_closed_set(sender: str, code: int) -> None:
    labels = close_labels(FirstClose(sender, code))
    assert labels in possible_ends()
    assert labels == (str(code) if 1000 <= code <= 1014 else "other", sender) or code == 1006


def test_an_end_without_a_close_frame_has_a_label_of_its_own() -> None:
    assert close_labels(None) == ("1006", "none")
    assert ("1006", "none") in possible_ends()
