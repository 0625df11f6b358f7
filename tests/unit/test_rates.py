"""Rates: how many requests each client may make in a second."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_echo.websocket.rates import Rates


def test_a_second_s_requests_may_come_at_once_and_come_back_evenly() -> None:
    rates = Rates()
    assert [rates.admit("a", 5, 100.0) for _ in range(7)] == [0, 0, 0, 0, 0, 1, 1]
    assert rates.admit("a", 5, 100.1) == 1
    assert [rates.admit("a", 5, 100.21) for _ in range(2)] == [0, 1]
    assert [rates.admit("a", 5, 102.0) for _ in range(6)] == [0, 0, 0, 0, 0, 1]


def test_clients_do_not_count_for_each_other() -> None:
    rates = Rates()
    assert [rates.admit(client, 1, 100.0) for client in "abab"] == [0, 0, 1, 1]


def test_without_a_limit_nothing_is_counted() -> None:
    rates = Rates()
    assert not any(rates.admit("a", 0) for _ in range(10))
    assert len(rates) == 0


def test_by_default_the_time_is_the_clock_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_echo.websocket.rates.monotonic", lambda: 100.0)
    rates = Rates()
    assert [rates.admit("a", 1) for _ in range(2)] == [0, 1]


def test_the_table_keeps_the_clients_of_the_last_second_only() -> None:
    rates = Rates()
    longest = 0
    for number in range(20_000):
        now = 100.0 + number / 1000
        rates.admit(f"client {number}", 1, now)
        rates.admit("impatient", 1, now)
        longest = max(longest, len(rates))
    assert longest <= 1_010
    rates.admit("last", 1, 1000.0)
    assert len(rates) == 1


@given(
    st.integers(1, 50),
    st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 0.3)), max_size=200),
)
def test_no_client_exceeds_its_rate_and_one_that_keeps_it_is_never_refused(
    limit: int, requests: list[tuple[str, float]]
) -> None:
    rates = Rates()
    now = 100.0
    admitted: dict[str, list[float]] = {"a": [], "b": []}
    for client, pause in requests:
        now += pause
        recent = sum(now - at < 1 for at in admitted[client])
        refused = rates.admit(client, limit, now)
        if not refused:
            admitted[client].append(now)
        # Evenly over a second: within any second there are at most those of the begin, and those
        # that came back meanwhile.
        assert recent + (not refused) <= 2 * limit
        quiet = not admitted[client][:-1] if not refused else not admitted[client]
        assert not (refused and quiet)
