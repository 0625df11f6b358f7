"""The budget of a worker, and the account of a connection."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from sys import getsizeof

import pytest

from flask_echo.websocket.budget import FREE_BYTES, Account, Budget, OverBudget, default_budget
from flask_echo.websocket.limits import Limits
from tests.support.waiting import wait_until

KIB = 1024
# What bytes take without any content.
EMPTY = getsizeof(b"")


@pytest.fixture
def pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(8)


def in_order(pool: ThreadPoolExecutor, budget: Budget, *counts: int) -> list["Future[None]"]:
    """Let one thread after another wait for some bytes, each for a client of its own."""
    futures = []
    for place, count in enumerate(counts, 1):
        futures.append(pool.submit(budget.take, count, 10, f"client {place}"))
        wait_until(lambda place=place: budget.waiting == place)  # type: ignore[misc]
    return futures


def test_a_budget_gives_what_it_has() -> None:
    budget = Budget(100)
    budget.take(60, client="one")
    budget.take(40, client="two")
    assert budget.used == 100
    budget.give_back(60, "one")
    budget.give_back(40, "two")
    assert budget.used == 0


def test_more_than_the_whole_budget_is_refused_at_once() -> None:
    budget = Budget(100)
    with pytest.raises(OverBudget, match="alone"):
        budget.take(101, wait=60)
    assert budget.used == 0


def test_bytes_that_do_not_come_in_time_are_refused() -> None:
    budget = Budget(100)
    budget.take(60)
    with pytest.raises(OverBudget, match="try again later"):
        budget.take(41, wait=0.01)
    assert (budget.used, budget.waiting) == (60, 0)


def test_those_that_wait_are_served_in_order(pool: ThreadPoolExecutor) -> None:
    budget = Budget(100)
    budget.take(100)
    large, small = in_order(pool, budget, 80, 30)
    budget.give_back(50)
    assert not large.done()
    assert not small.done(), "a small one does not overtake a large one"
    budget.give_back(30)
    large.result(10)
    assert not small.done()
    budget.give_back(80)
    small.result(10)
    assert budget.used == 50


def test_one_that_gives_up_lets_those_behind_it_pass(pool: ThreadPoolExecutor) -> None:
    budget = Budget(100)
    budget.take(60)
    large = pool.submit(budget.take, 80, 0.3, "large")
    wait_until(lambda: budget.waiting == 1 or large.done())
    small = pool.submit(budget.take, 40, 10, "small")
    wait_until(lambda: budget.waiting == 2 or small.done())
    with pytest.raises(OverBudget):
        large.result(10)
    small.result(10)
    assert budget.used == 100


def test_a_client_may_hold_as_much_as_it_leaves_free() -> None:
    budget = Budget(100)
    budget.take(30, client="greedy")
    budget.take(20, client="greedy")
    with pytest.raises(OverBudget, match="try again later"):
        budget.take(1, wait=0.01, client="greedy")
    budget.take(20, client="other")
    budget.take(5, client="other")  # Now it holds 25, and 25 are free.
    with pytest.raises(OverBudget, match="try again later"):
        budget.take(1, wait=0.01, client="other")


def test_one_connection_may_hold_all_that_is_free() -> None:
    budget = Budget(100)
    budget.take(60, client="one")
    budget.take(40, client="one", own=60)
    assert budget.used == 100


def test_a_client_with_its_share_does_not_hold_up_others(pool: ThreadPoolExecutor) -> None:
    budget = Budget(100)
    budget.take(50, client="greedy")
    more = pool.submit(budget.take, 10, 10, "greedy")
    wait_until(lambda: budget.waiting == 1)
    budget.take(40, client="other", wait=0)
    assert not more.done()
    budget.give_back(40, "greedy")
    more.result(10)
    assert (budget.used, budget.waiting) == (60, 0)


def test_a_connection_with_64_kib_is_never_refused() -> None:
    budget = Budget(1)
    budget.take(1)
    account = Account(budget)
    account.hold_under_way(20 * KIB)
    account.deliver(bytes(30 * KIB - EMPTY))
    account.add_reply(34 * KIB)
    assert budget.used == 1
    with pytest.raises(OverBudget):
        account.add_reply(1)


Change = Callable[[Account], None]


@pytest.mark.parametrize(
    ("change", "charged"),
    [
        (lambda account: account.hold_under_way(FREE_BYTES), 0),
        # In steps of 64 KiB.
        (lambda account: account.hold_under_way(FREE_BYTES + 1), FREE_BYTES),
        (lambda account: account.deliver(bytes(200 * KIB - EMPTY)), 136 * KIB),
        (lambda account: account.add_reply(200 * KIB), 136 * KIB),
    ],
)
def test_only_what_is_above_64_kib_is_charged(change: Change, charged: int) -> None:
    account = Account(Budget(2**30))
    change(account)
    assert account.budget.used == charged


def test_all_that_an_account_held_comes_back() -> None:
    account = Account(Budget(2**30))
    account.hold_under_way(300 * KIB)
    account.deliver(bytes(300 * KIB - EMPTY))
    account.add_reply(500 * KIB)
    account.drop_delivered()
    account.hold_under_way(100 * KIB)
    account.clear()
    assert account.budget.used == (500 - 64) * KIB, "another thread may still send a reply"
    account.add_reply(-500 * KIB)
    assert account.budget.used == 0


def test_a_message_is_held_as_long_as_its_handler_has_it() -> None:
    account = Account(Budget(2**30))
    first = bytes(300 * KIB - EMPTY)
    account.deliver(first)
    account.drop_delivered()
    assert account.delivered == 300 * KIB
    account.deliver(bytes(200 * KIB - EMPTY))
    assert account.delivered == 500 * KIB
    account.drop_delivered()
    assert account.delivered == 300 * KIB
    del first
    account.drop_delivered()
    assert (account.delivered, account.budget.used) == (0, 0)


def test_of_the_messages_that_a_handler_collects_the_last_two_are_held() -> None:
    account = Account(Budget(2**30))
    collection = []
    for _ in range(5):
        account.drop_delivered()
        collection.append(bytes(300 * KIB - EMPTY))
        account.deliver(collection[-1])
    account.drop_delivered()
    assert account.delivered == 600 * KIB


def test_a_refused_change_changes_nothing() -> None:
    account = Account(Budget(400 * KIB))
    account.deliver(bytes(300 * KIB - EMPTY))
    before = account.budget.used
    with pytest.raises(OverBudget):
        account.add_reply(500 * KIB)
    assert (account.budget.used, account.delivered) == (before, 300 * KIB)
    account.clear()
    assert account.budget.used == 0


def test_giving_back_never_waits() -> None:
    account = Account(Budget(400 * KIB))
    account.deliver(bytes(300 * KIB - EMPTY))
    account.add_reply(100 * KIB)
    account.budget.size = 1
    account.add_reply(-50 * KIB)
    account.clear()
    account.add_reply(-50 * KIB)
    assert account.budget.used == 0


def test_a_refusal_is_exact_although_another_thread_gave_back_meanwhile(
    pool: ThreadPoolExecutor,
) -> None:
    budget = Budget(1000 * KIB)
    account = Account(budget)
    account.hold_under_way(128 * KIB)
    others = budget.size - budget.used
    budget.take(others, client="another")
    reply = pool.submit(account.add_reply, 200 * KIB, 0.3)
    wait_until(lambda: budget.waiting or reply.done())
    account.clear()
    with pytest.raises(OverBudget):
        reply.result(10)
    assert budget.used == others
    account.add_reply(FREE_BYTES)
    assert budget.used == others


def test_at_most_two_threads_do_large_work(pool: ThreadPoolExecutor) -> None:
    budget = Budget(1)
    at_work = [budget.large_work(), budget.large_work()]
    for work in at_work:
        work.__enter__()

    def third() -> str:
        with budget.large_work():
            return "done"

    waiting = pool.submit(third)
    with pytest.raises(TimeoutError):
        waiting.result(0.05)
    at_work[0].__exit__(None, None, None)
    assert waiting.result(10) == "done"
    at_work[1].__exit__(None, None, None)


@pytest.mark.parametrize(
    ("memory", "sharers", "seats", "budget"),
    [
        (512 * 2**20, 1, 1000, (512 - 80) * 2**20 // 2 - 1000 * 308 * KIB // 2),
        (2**30, 2, 100, (512 - 80) * 2**20 // 2 - 100 * 308 * KIB // 2),
        (64 * 2**20, 1, 1000, 8 * 2**20),  # The least.
    ],
)
def test_the_default_follows_the_memory(
    monkeypatch: pytest.MonkeyPatch, memory: int, sharers: int, seats: int, budget: int
) -> None:
    monkeypatch.setattr("flask_echo.websocket.budget.memory_bytes", lambda: memory)
    limits = Limits(max_connections=seats)
    assert default_budget(limits, sharers) == budget
    with_tls = default_budget(limits, sharers, tls=True)
    assert with_tls == max(budget - seats * 40 * KIB // 2, 8 * 2**20)
    large = Limits(max_message_bytes=2**30)
    assert default_budget(large, sharers) == 2**30, "one message of the largest size has room"
