"""Seats: who gets one, and whose connection ends for it."""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from time import thread_time
from typing import Any

import pytest

from flask_echo.websocket import ConnectionClosed
from flask_echo.websocket import seats as module
from flask_echo.websocket.seats import NoSeat, Seat, Seats
from flask_echo.websocket.shares import Share, Shares
from tests.support.waiting import wait_until


class Guest:
    """An occupant with a seat, whose thread leaves when it is told to, or later."""

    def __init__(self, seats: Seats, client: str, last: float = 0.0, obeys: str = "close") -> None:
        self.client, self.last_message_at, self.obeys = client, last, obeys
        self.calls: list[Any] = []
        self._stack = ExitStack()
        self.seat = self._stack.enter_context(seats.take(client))
        if isinstance(self.seat, Seat):
            seats.occupy(self.seat, self)

    def leave(self) -> None:
        self._stack.close()

    def _obey(self, call: str) -> None:
        if self.obeys == call:
            threading.Thread(target=self.leave).start()

    def close(self, reason: int | None = None, message: str | None = None) -> None:
        self.calls.append(reason)
        self._obey("close")

    def cut(self) -> None:
        self.calls.append("cut")
        self._obey("cut")

    def wake(self, grace: float | None = None) -> None:
        self.calls.append("wake")


Arrive = Callable[..., Guest]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave those who obey as much time as a busy machine may need."""
    monkeypatch.setattr(module, "EVICTION_SECONDS", 10.0)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait for long."""
    monkeypatch.setattr(module, "EVICTION_SECONDS", 0.05)


def arrive(stack: ExitStack, seats: Seats, client: str, *arguments: Any, **options: Any) -> Guest:
    guest = Guest(seats, client, *arguments, **options)
    stack.callback(guest.leave)
    return guest


def held(guests: list[Guest]) -> list[str]:
    return [guest.client for guest in guests if isinstance(guest.seat, Seat) and not guest.calls]


def test_one_client_may_take_every_seat_and_no_more(stack: ExitStack) -> None:
    seats = Seats(3)
    guests = [arrive(stack, seats, "a") for _ in range(4)]
    assert [guest.seat is NoSeat.FULL for guest in guests] == [False, False, False, True]
    assert seats.occupancy() == (3, 3, 3, False)
    assert held(guests) == ["a"] * 3


def test_the_connection_that_was_silent_for_longest_gives_up_its_seat(stack: ExitStack) -> None:
    seats = Seats(3)
    rich = [arrive(stack, seats, "a", last) for last in (5.0, 3.0, 4.0)]
    rich[1].last_message_at = 6.0
    newcomer = arrive(stack, seats, "b")
    assert isinstance(newcomer.seat, Seat)
    assert [guest.calls for guest in rich] == [[], [], [1013]]
    assert seats.occupancy() == (3, 3, 3, False)


def test_the_seats_of_two_clients_end_balanced(stack: ExitStack) -> None:
    seats = Seats(4)
    guests = [arrive(stack, seats, client) for client in "aaaabbb"]
    assert held(guests) == ["a", "a", "b", "b"]
    assert guests[-1].seat is NoSeat.FULL


def test_the_client_with_the_most_pays_and_not_one_with_fewer(stack: ExitStack) -> None:
    seats = Seats(6)
    guests = [arrive(stack, seats, client) for client in "abbccc"]
    guests[0].last_message_at = -1.0
    arrive(stack, seats, "d")
    assert [guest.client for guest in guests if guest.calls] == ["c"]


def test_seats_that_are_not_open_yet_are_no_victims(stack: ExitStack) -> None:
    seats = Seats(3)
    for _ in range(2):
        assert isinstance(stack.enter_context(seats.take("opening")), Seat)
    opened = arrive(stack, seats, "b")
    newcomer = arrive(stack, seats, "c")
    assert isinstance(newcomer.seat, Seat)
    assert opened.calls == [1013]
    assert arrive(stack, seats, "opening").seat is NoSeat.FULL


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("obeys", ["cut", "nothing"])
def test_a_newcomer_has_its_seat_although_the_old_one_does_not_leave(
    stack: ExitStack, obeys: str
) -> None:
    seats = Seats(1)
    old = arrive(stack, seats, "a", obeys=obeys)
    newcomer = arrive(stack, seats, "b")
    assert isinstance(newcomer.seat, Seat)
    assert old.calls == [1013, "cut"]
    assert seats.occupancy() == (1, 1, 1, False)
    old.leave()
    assert seats.occupancy() == (1, 1, 1, False)
    newcomer.leave()
    assert seats.occupancy() == (0, 0, 1, False)


@pytest.mark.usefixtures("quick")
def test_an_occupant_that_is_closed_already_is_waited_for_and_cut(
    stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    seats = Seats(1)
    old = arrive(stack, seats, "a", obeys="cut")

    def closed(*_: object) -> None:
        raise ConnectionClosed(1000)

    monkeypatch.setattr(old, "close", closed)
    assert isinstance(arrive(stack, seats, "b").seat, Seat)
    assert old.calls == ["cut"]


def test_a_victim_that_leaves_by_itself_meanwhile_costs_no_second_seat(stack: ExitStack) -> None:
    seats = Seats(2)
    guests = [arrive(stack, seats, "a", last, obeys="nothing") for last in (1.0, 2.0)]
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(Guest, seats, "b")
        wait_until(lambda: guests[0].calls)
        guests[0].leave()
        newcomer = coming.result(10)
    stack.callback(newcomer.leave)
    assert isinstance(newcomer.seat, Seat)
    assert [guest.calls for guest in guests] == [[1013], []]
    assert seats.occupancy() == (2, 2, 2, False)


def test_newcomers_at_once_get_different_seats(stack: ExitStack) -> None:
    seats = Seats(50)
    rich = [arrive(stack, seats, "a", float(last)) for last in range(50)]
    with ThreadPoolExecutor(49) as pool:
        newcomers = list(pool.map(lambda n: Guest(seats, f"b{n}"), range(49)))
    for newcomer in newcomers:
        stack.callback(newcomer.leave)
    assert all(isinstance(newcomer.seat, Seat) for newcomer in newcomers)
    assert not any(newcomer.calls for newcomer in newcomers)
    assert [guest.calls for guest in rich] == [[1013]] * 49 + [[]]
    assert seats.occupancy() == (50, 50, 50, False)


@pytest.mark.usefixtures("quick")
def test_threads_that_do_not_leave_are_bounded(
    stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_LEAVING", 2)
    seats = Seats(5)
    rich = [arrive(stack, seats, "a", obeys="nothing") for _ in range(5)]
    newcomers = [arrive(stack, seats, client) for client in "bcd"]
    assert [newcomer.seat is NoSeat.FULL for newcomer in newcomers] == [False, False, True]
    next(guest for guest in rich if guest.calls).leave()
    assert isinstance(arrive(stack, seats, "e").seat, Seat)


def test_a_drain_evicts_nobody(stack: ExitStack) -> None:
    seats = Seats(2)
    rich = [arrive(stack, seats, "a") for _ in range(2)]
    seats.drain()
    assert arrive(stack, seats, "b").seat is NoSeat.FULL
    assert [guest.calls for guest in rich] == [["wake"], ["wake"]]


def test_a_newcomer_that_waits_when_the_drain_begins_gets_no_seat(stack: ExitStack) -> None:
    seats = Seats(1)
    old = arrive(stack, seats, "a", obeys="nothing")
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(Guest, seats, "b")
        wait_until(lambda: old.calls)
        seats.drain()
        old.leave()
        newcomer = coming.result(10)
    assert newcomer.seat is NoSeat.FULL
    newcomer.leave()
    assert seats.occupancy() == (0, 0, 1, True)


class Time:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    clock = Time()
    monkeypatch.setattr(module, "monotonic", clock)
    return clock


def woken(guests: list[Guest]) -> int:
    return sum(guest.calls == ["wake"] for guest in guests)


def test_a_spread_drain_wakes_each_tenth_in_a_tenth_of_the_time(
    stack: ExitStack, clock: Time
) -> None:
    seats = Seats(200)
    guests = [arrive(stack, seats, "a") for _ in range(200)]
    seats.drain(spread=50.0)
    assert woken(guests) == 1
    for tenth in range(1, 11):
        clock.now = 1000.0 + 5.0 * tenth - 0.01
        assert seats.wake_due() is (tenth < 10)
        assert woken(guests) == 20 * tenth


def test_a_busy_main_thread_catches_up(stack: ExitStack, clock: Time) -> None:
    seats = Seats(10)
    guests = [arrive(stack, seats, "a") for _ in range(10)]
    seats.drain(spread=10.0)
    clock.now += 7.5
    assert seats.wake_due()
    assert woken(guests) == 8


def test_who_leaves_before_its_turn_is_not_waited_for(stack: ExitStack, clock: Time) -> None:
    seats = Seats(3)
    guests = [arrive(stack, seats, "a") for _ in range(3)]
    seats.drain(spread=3600.0)
    for guest in guests:
        if not guest.calls:
            assert seats.wake_due()
            guest.leave()
    assert not seats.wake_due()


def test_a_connection_that_opens_after_the_drain_has_begun_is_woken_at_once(
    stack: ExitStack, clock: Time
) -> None:
    seats = Seats(2)
    seat = stack.enter_context(seats.take())
    assert isinstance(seat, Seat)
    old = arrive(stack, seats, "a")
    seats.drain(spread=3600.0)
    late = Guest(Seats(1), "a")
    stack.callback(late.leave)
    seats.occupy(seat, late)
    assert woken([old, late]) == 2


def test_a_second_drain_without_spread_wakes_the_rest(stack: ExitStack, clock: Time) -> None:
    seats = Seats(5)
    guests = [arrive(stack, seats, "a") for _ in range(5)]
    seats.drain(spread=3600.0)
    seats.drain()
    assert all(guest.calls for guest in guests)
    assert not seats.wake_due()


def test_an_announced_drain_still_gives_seats_and_takes_them_from_the_rich(
    stack: ExitStack,
) -> None:
    seats = Seats(2)
    rich = [arrive(stack, seats, "a") for _ in range(2)]
    seats.announce_drain()
    assert seats.occupancy() == (2, 2, 2, True)
    assert isinstance(arrive(stack, seats, "b").seat, Seat)
    assert sorted(guest.calls for guest in rich) == [[], [1013]]


def test_a_client_has_no_more_seats_than_it_may(stack: ExitStack) -> None:
    seats = Seats(5)
    assert isinstance(stack.enter_context(seats.take("a", 2)), Seat)
    with seats.take("a", 2) as second:
        assert isinstance(second, Seat)
        assert stack.enter_context(seats.take("a", 2)) is NoSeat.SHARE
        assert isinstance(stack.enter_context(seats.take("b", 2)), Seat)
    assert isinstance(stack.enter_context(seats.take("a", 2)), Seat)


def test_the_leaving_threads_fit_into_the_spare_threads_of_gunicorn() -> None:
    from flask_echo import gunicorn_conf

    spare = gunicorn_conf.threads - Seats(1000).capacity
    assert spare >= 2 * module.MOST_LEAVING


# -- Shares ---------------------------------------------------------------------------------------


class Clock:
    """An occupant that does nothing but have a time."""

    def __init__(self, last_message_at: float) -> None:
        self.last_message_at = last_message_at

    def wake(self, grace: float | None = None) -> None:
        """Do nothing."""

    def close(self, reason: int | None = None, message: str | None = None) -> None:
        """Do nothing."""

    def cut(self) -> None:
        """Do nothing."""


def test_the_choice_is_that_of_a_search_through_all_seats() -> None:
    chance = random.Random(1013)
    shares = Shares()
    taken: list[Seat] = []
    for now in range(3000):
        step = chance.random()
        if step < 0.5 or not taken:
            seat = Seat(chance.choice("abcde"))
            shares.add(seat.client)
            shares.occupy(seat, Clock(float(now)))
            taken.append(seat)
        elif step < 0.8:
            chance.choice(taken).occupant.last_message_at = float(now)  # type: ignore
        elif step < 0.9:
            seat = taken.pop(chance.randrange(len(taken)))
            seat.occupant = None
            shares.remove(seat.client)
        else:
            sizes = {client: sum(s.client == client for s in taken) for client in "abcde"}
            assert {client: shares.size(client) for client in "abcde"} == sizes
            chosen = shares.choose(0)
            assert chosen is not None
            assert chosen.occupant is not None
            assert sizes[chosen.client] == max(sizes.values())
            mine = [s.occupant for s in taken if s.client == chosen.client]
            assert chosen.occupant.last_message_at == min(o.last_message_at for o in mine if o)
            assert shares.choose(max(sizes.values())) is None
            taken.remove(chosen)
            chosen.occupant = None
            shares.remove(chosen.client)


def test_connections_that_come_and_go_leave_nothing_behind() -> None:
    share = Share()
    share.size = 1
    for _ in range(10_000):
        seat = Seat("a")
        share.add(seat, Clock(0.0))
        seat.occupant = None
    assert len(share) <= 20


def test_a_choice_among_many_seats_is_quick() -> None:
    """A search through all of them would take seven seconds: 0.2 µs for each seat."""
    shares = Shares()
    for number in range(10_000):
        seat = Seat("rich")
        shares.add("rich")
        shares.occupy(seat, Clock(float(number)))
    began = thread_time()
    for _ in range(5_000):
        chosen = shares.choose(1)
        assert chosen is not None
        chosen.occupant = None
        shares.remove("rich")
    assert thread_time() - began < 2.5
