"""The fair lock of the writing threads."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from flask_echo.websocket.transport import Deadline
from flask_echo.websocket.turns import Turns
from tests.support.waiting import wait_until


def test_a_free_turn_is_taken_at_once_and_one_at_a_time() -> None:
    turns = Turns()
    assert turns.acquire(Deadline(0))
    assert not turns.acquire(Deadline(0))
    turns.release()
    assert turns.acquire(Deadline(0))


def test_turns_go_in_order_of_arrival() -> None:
    turns = Turns()
    turns.acquire()
    order: list[int] = []

    def take(number: int) -> None:
        turns.acquire()
        order.append(number)
        turns.release()

    with ThreadPoolExecutor(5) as pool:
        taking = []
        for number in range(5):
            taking.append(pool.submit(take, number))
            wait_until(lambda: len(turns.waiting) == len(taking))
        turns.release()
        for done in taking:
            done.result(10)
    assert order == [0, 1, 2, 3, 4]


def test_who_gives_up_the_turn_does_not_get_it_again_before_who_waits() -> None:
    turns = Turns()
    turns.acquire()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(turns.acquire)
        wait_until(lambda: turns.waiting)
        turns.release()
        assert not turns.acquire(Deadline(0))
        assert waiting.result(10)


def test_who_has_waited_long_enough_leaves_the_queue() -> None:
    turns = Turns()
    turns.acquire()
    assert not turns.acquire(Deadline(0.01))
    assert turns.waiting == []
    turns.release()
    assert turns.acquire(Deadline(0))


def test_many_threads_exclude_each_other_whatever_their_patience() -> None:
    turns = Turns()
    inside: list[int] = []
    overlaps: list[list[int]] = []
    stop = Event()

    def work(number: int) -> int:
        taken = 0
        while not stop.is_set():
            if not turns.acquire(None if number % 2 else Deadline(0.0001)):
                continue
            inside.append(number)
            if len(inside) > 1:
                overlaps.append(list(inside))
            inside.remove(number)
            turns.release()
            taken += 1
        return taken

    with ThreadPoolExecutor(8) as pool:
        working = [pool.submit(work, number) for number in range(8)]
        stop.wait(1)
        stop.set()
        taken = [done.result(10) for done in working]
    assert overlaps == []
    assert all(taken[1::2]), "a thread that waits without a limit got no turn"
    assert turns.waiting == []
    assert turns.free == [None]


def test_an_exception_while_waiting_loses_no_turn() -> None:
    turns = Turns()
    turns.acquire()

    def interrupt() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        turns.wait(give_up=interrupt)
    assert turns.waiting == []
    turns.release()
    assert turns.acquire(Deadline(0))


def test_who_gives_up_leaves_the_queue() -> None:
    turns = Turns()
    turns.acquire()
    assert not turns.wait(give_up=lambda: True)
    assert turns.waiting == []
