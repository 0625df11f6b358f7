"""What is said, without a network."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from simple_websocket import ConnectionClosed

from flask_echo import conversation
from flask_echo.rehearsal import Rehearsal
from tests.support.texts import TEXTS


class ScriptedPeer:
    """Says what it was given to say, then closes; keeps what it was told."""

    def __init__(self, says: Iterable[str | bytes]) -> None:
        self._says = iter(says)
        self.told: list[Any] = []
        self.closed: tuple[int | None, str | None] | None = None

    def receive(self, timeout: float | None = None) -> str | bytes | None:
        for message in self._says:
            return message
        raise ConnectionClosed(1000)

    def send(self, data: Any) -> None:
        self.told.append(data)

    def close(self, reason: int | None = None, message: str | None = None) -> None:
        self.closed = (reason, message)


def test_hello_greets_and_answers_each_text_with_back() -> None:
    peer = ScriptedPeer(TEXTS)
    with pytest.raises(ConnectionClosed):
        conversation.hello(peer)
    answers = [json.loads(told) for told in peer.told]
    assert answers == ["hello from server", *(f"{text} back" for text in TEXTS)]


def test_hello_refuses_binary_and_names_echo() -> None:
    peer = ScriptedPeer([b"\x00"])
    conversation.hello(peer)
    assert peer.closed is not None
    assert peer.closed[0] == 1003
    assert "/echo" in str(peer.closed[1])


def test_echo_returns_every_message_as_it_came() -> None:
    messages: list[str | bytes] = [*TEXTS, b"", b"\x00\xff"]
    peer = ScriptedPeer(messages)
    with pytest.raises(ConnectionClosed):
        conversation.echo(peer)
    assert peer.told == messages


class Clock:
    """A clock that goes on only when somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class PatientPeer(ScriptedPeer):
    """A scripted peer that waits by its clock; it speaks when it is asked without a time limit.

    :param says: messages, and None where it lets the time that it was given pass.
    """

    def __init__(self, says: Iterable[str | bytes | None], clock: Clock) -> None:
        super().__init__([])
        self._script = iter(says)
        self._clock = clock
        self.times: list[float] = []
        self.ended = ""
        self.hurried = False

    def receive(self, timeout: float | None = None) -> str | bytes | None:
        for message in self._script:
            if message is None:
                assert timeout is not None
                self._clock.now += timeout
            return message
        raise ConnectionClosed(1000)

    def send(self, data: Any) -> None:
        super().send(data)
        self.times.append(round(self._clock.now, 6))

    def pause(self, seconds: float) -> bool:
        if not self.hurried:
            self._clock.now += seconds
        return not self.hurried

    def ignore(self, seconds: float) -> None:
        self.ended = f"ignored for {seconds}"

    def abort(self) -> None:
        self.ended = "aborted"


def rehearsed(
    says: Iterable[str | bytes | None], hurried: bool = False, **plan: Any
) -> PatientPeer:
    clock = Clock()
    peer = PatientPeer(says, clock)
    peer.hurried = hurried
    try:
        conversation.rehearse(peer, Rehearsal(**plan), clock)
    except ConnectionClosed:
        peer.ended = "closed by the peer"
    return peer


def test_each_reply_has_its_delay_one_after_the_other() -> None:
    peer = rehearsed(["a", b"b", "c"], delay=2.0)
    assert (peer.told, peer.times) == (["a", b"b", "c"], [2.0, 4.0, 6.0])


def test_jitter_adds_up_to_so_much() -> None:
    times = rehearsed(["x"] * 200, delay=1.0, jitter=2.0).times
    waits = [after - before for before, after in zip([0.0, *times], times, strict=False)]
    assert all(1 <= wait <= 3 for wait in waits)
    assert max(waits) - min(waits) > 1


def test_without_time_what_is_owed_is_sent_at_once() -> None:
    peer = rehearsed(["a", "b"], hurried=True, delay=60.0)
    assert (peer.told, peer.times) == (["a", "b"], [0.0, 0.0])


@pytest.mark.parametrize("after", [0, 2])
def test_a_rehearsed_close_comes_after_so_many_messages(after: int) -> None:
    peer = rehearsed(["a", "b", "c"], close=4000, reason="enough", after=after)
    assert peer.told == ["a", "b"][:after]
    assert peer.closed == (4000, "enough")


@pytest.mark.parametrize("drop", [0, 2])
def test_a_rehearsed_reset_comes_after_so_many_messages(drop: int) -> None:
    peer = rehearsed(["a", "b", "c"], drop=drop)
    assert (peer.told, peer.ended) == (["a", "b"][:drop], "aborted")


def test_mute_says_nothing_for_ten_minutes() -> None:
    peer = rehearsed(["a"], mute=True)
    assert (peer.told, peer.ended) == ([], "ignored for 600.0")


def test_ticks_come_while_nothing_is_said() -> None:
    peer = rehearsed([None, None, None], push=0.5)
    assert [json.loads(told)["tick"] for told in peer.told] == [1, 2, 3]
    assert peer.times == [0.5, 1.0, 1.5]


def test_ticks_come_during_a_delay_too() -> None:
    peer = rehearsed(["a"], push=1.0, delay=2.5)
    assert peer.times == [1.0, 2.0, 2.5]
    assert peer.told[2] == "a"


def test_a_peer_that_never_pauses_does_not_keep_ticks_away() -> None:
    peer = rehearsed(["x"] * 4, push=1.0, delay=0.5)
    assert peer.times == [0.5, 1.0, 1.0, 1.5, 2.0, 2.0]


def test_ticks_that_were_missed_are_left_out_and_the_others_keep_their_times() -> None:
    clock = Clock()

    class SlowPeer(PatientPeer):
        def send(self, data: Any) -> None:
            super().send(data)
            if len(self.told) == 1:
                clock.now += 10.25

    peer = SlowPeer([None, None, None, None], clock)
    with pytest.raises(ConnectionClosed):
        conversation.rehearse(peer, Rehearsal(push=1.0), clock)
    assert peer.times == [1.0, 11.25, 12.0, 13.0]


def test_a_report_is_told_and_that_is_all() -> None:
    peer = ScriptedPeer(["ignored"])
    conversation.tell(peer, {"é": 1})
    assert (peer.told, peer.closed) == (['{"é": 1}'], (1000, None))
