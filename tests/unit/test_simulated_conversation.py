"""The echo with simulated faults, against a scripted connection and its clock."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from simple_websocket import ConnectionClosed

from flask_echo.simulation import conversation as simulated
from flask_echo.simulation.faults import Faults
from tests.support.scripted import Clock, ScriptedFaultyWebSocket


def played(
    says: Iterable[str | bytes | None], hurried: bool = False, **plan: Any
) -> ScriptedFaultyWebSocket:
    clock = Clock()
    ws = ScriptedFaultyWebSocket(says, clock)
    ws.hurried = hurried
    try:
        simulated.echo(ws, Faults(**plan), clock)
    except ConnectionClosed:
        ws.ended = "closed by the peer"
    return ws


def test_each_reply_has_its_delay_one_after_the_other() -> None:
    ws = played(["a", b"b", "c"], delay=2.0)
    assert (ws.told, ws.times) == (["a", b"b", "c"], [2.0, 4.0, 6.0])


def test_jitter_adds_up_to_so_much() -> None:
    times = played(["x"] * 200, delay=1.0, jitter=2.0).times
    waits = [after - before for before, after in zip([0.0, *times], times, strict=False)]
    assert all(1 <= wait <= 3 for wait in waits)
    assert max(waits) - min(waits) > 1


def test_without_time_what_is_owed_is_sent_at_once() -> None:
    ws = played(["a", "b"], hurried=True, delay=60.0)
    assert (ws.told, ws.times) == (["a", "b"], [0.0, 0.0])


@pytest.mark.parametrize("after", [0, 2])
def test_a_simulated_close_comes_after_so_many_messages(after: int) -> None:
    ws = played(["a", "b", "c"], close=4000, reason="enough", after=after)
    assert ws.told == ["a", "b"][:after]
    assert ws.closed == (4000, "enough")


@pytest.mark.parametrize("drop", [0, 2])
def test_a_simulated_reset_comes_after_so_many_messages(drop: int) -> None:
    ws = played(["a", "b", "c"], drop=drop)
    assert (ws.told, ws.ended) == (["a", "b"][:drop], "aborted")


def test_mute_says_nothing_for_ten_minutes() -> None:
    ws = played(["a"], mute=True)
    assert (ws.told, ws.ended) == ([], "ignored for 600.0")


def test_ticks_come_while_nothing_is_said() -> None:
    ws = played([None, None, None], push=0.5)
    assert [json.loads(told)["tick"] for told in ws.told] == [1, 2, 3]
    assert ws.times == [0.5, 1.0, 1.5]


def test_ticks_come_during_a_delay_too() -> None:
    ws = played(["a"], push=1.0, delay=2.5)
    assert ws.times == [1.0, 2.0, 2.5]
    assert ws.told[2] == "a"


def test_a_peer_that_never_pauses_does_not_keep_ticks_away() -> None:
    ws = played(["x"] * 4, push=1.0, delay=0.5)
    assert ws.times == [0.5, 1.0, 1.0, 1.5, 2.0, 2.0]


def test_ticks_that_were_missed_are_left_out_and_the_others_keep_their_times() -> None:
    clock = Clock()

    class SlowWebSocket(ScriptedFaultyWebSocket):
        def send(self, data: Any) -> None:
            super().send(data)
            if len(self.told) == 1:
                clock.now += 10.25

    ws = SlowWebSocket([None, None, None, None], clock)
    with pytest.raises(ConnectionClosed):
        simulated.echo(ws, Faults(push=1.0), clock)
    assert ws.times == [1.0, 11.25, 12.0, 13.0]
