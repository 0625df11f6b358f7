"""Keepalive, on a clock of the test's own."""

import pytest

from flask_echo.websocket.keepalive import Due, Keepalive


def test_a_silent_peer_is_pinged_and_then_given_up() -> None:
    keepalive = Keepalive(interval=20, timeout=5)
    assert keepalive.wait(100.0) == 20
    assert keepalive.due(119.9) is Due.NOTHING
    assert keepalive.due(120.0) is Due.PING
    assert keepalive.wait(121.0) == 4
    assert keepalive.due(124.9) is Due.NOTHING
    assert keepalive.due(125.0) is Due.TIMEOUT


def test_any_byte_is_a_sign_of_life() -> None:
    keepalive = Keepalive(interval=20, timeout=5)
    keepalive.wait(0.0)
    assert keepalive.due(20.0) is Due.PING
    keepalive.on_data()
    assert keepalive.wait(24.0) == 20
    assert keepalive.due(43.0) is Due.NOTHING
    assert keepalive.due(44.0) is Due.PING


def test_a_full_interval_of_waiting_is_enough_where_the_begin_is_not_known() -> None:
    keepalive = Keepalive(interval=20, timeout=5)
    assert keepalive.due(20.0) is Due.PING
    assert keepalive.wait(20.0) == 5


def test_a_wait_is_never_negative() -> None:
    keepalive = Keepalive(interval=1, timeout=5)
    keepalive.wait(0.0)
    assert keepalive.wait(10.0) == 0


def test_without_an_interval_nothing_is_ever_due() -> None:
    keepalive = Keepalive(interval=None, timeout=5)
    assert keepalive.wait(0.0) is None
    assert keepalive.due(1e9) is Due.NOTHING


# -- Limits of time --------------------------------------------------------------------------------


def test_time_without_messages_is_limited_although_bytes_arrive() -> None:
    keepalive = Keepalive(interval=20, timeout=5, idle=50, now=100.0)
    assert keepalive.first_wait == 20
    assert keepalive.due(120.0) is Due.PING
    keepalive.on_data()
    assert keepalive.wait(145.0) == 5
    assert keepalive.over(149.9) is Due.NOTHING
    assert keepalive.over(150.0) is keepalive.due(150.0) is Due.IDLE
    keepalive.last_message_at = 149.0
    assert keepalive.over(198.9) is Due.NOTHING
    assert keepalive.over(199.0) is Due.IDLE


def test_the_first_wait_is_not_longer_than_the_idle_limit() -> None:
    assert Keepalive(interval=20, timeout=5, idle=3).first_wait == 3
    assert Keepalive(interval=None, timeout=5, idle=3).first_wait == 3
    assert Keepalive(interval=None, timeout=5).first_wait is None


def test_a_first_wait_that_is_shorter_than_the_ping_interval_brings_no_ping() -> None:
    keepalive = Keepalive(interval=20, timeout=5, lifetime=100, now=0.0)
    assert keepalive.first_wait == 10
    assert keepalive.due(10.0) is Due.NOTHING
    assert keepalive.wait(10.0) == 10
    assert keepalive.due(20.0) is Due.PING


def test_a_lifetime_is_shortened_by_up_to_a_fifth() -> None:
    ends = [lifetime_of(Keepalive(interval=20, timeout=5, lifetime=100)) for _ in range(200)]
    assert all(80 <= end <= 100.001 for end in ends)
    assert max(ends) - min(ends) > 10


def lifetime_of(keepalive: Keepalive) -> float:
    wait = None
    now = keepalive.last_message_at
    while keepalive.over(now) is Due.NOTHING:
        keepalive.on_data()
        wait = keepalive.wait(now)
        assert wait is not None
        now += wait
    assert keepalive.due(now) is Due.LIFETIME
    return now - keepalive.last_message_at


def test_near_the_end_of_its_lifetime_each_wait_is_calculated() -> None:
    keepalive = Keepalive(interval=None, timeout=5, lifetime=100, now=0.0)
    assert keepalive.first_wait == 10
    end = lifetime_of(keepalive)
    assert keepalive.exact_from == pytest.approx(end - 10)


def test_without_limits_no_time_is_over() -> None:
    keepalive = Keepalive(interval=20, timeout=5, now=0.0)
    assert not keepalive.limited
    assert keepalive.over(1e9) is Due.NOTHING
