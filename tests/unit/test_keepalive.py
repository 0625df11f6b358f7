"""Keepalive, on a clock of the test's own."""

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
