"""How many seats and threads fit into each worker."""

import subprocess
import sys

import pytest

from flask_echo.capacity import Capacity, measure
from flask_echo.websocket.resources import IDLE_CONNECTION_BYTES, TaskLimit
from tests.support.servers import ROOT, environment

MIB = 2**20
PLENTY = 64 * 1024 * MIB


def test_the_default_seats_fit_into_a_container_of_512_mib() -> None:
    assert Capacity(1, 512 * MIB, None).fit().seats >= 1000
    assert Capacity(5, 512 * MIB, None).fit().seats < 1000


def test_idle_connections_leave_half_of_the_memory_to_messages() -> None:
    workers = 2
    fit = Capacity(workers, 256 * MIB, None).fit()
    rest = (256 - 24 - 2 * 24) * MIB
    a_seat_each = workers * IDLE_CONNECTION_BYTES
    assert 0 <= rest / 2 - fit.seats * a_seat_each < a_seat_each
    assert fit.reason == "there are 256 MiB for 2 workers"


def test_with_a_spread_the_workers_that_a_reload_replaces_fit_beside_the_new_ones() -> None:
    both = Capacity(2, 256 * MIB, TaskLimit(600, "x"), generations=2)
    four = Capacity(4, 256 * MIB, TaskLimit(600, "x"))
    assert both.fit_in_memory().seats == four.fit_in_memory().seats
    assert both.fit_in_memory().reason == (
        "there are 256 MiB for 4 workers, half of them replaced by a reload"
    )
    assert both.fit().seats == four.fit().seats
    assert both.threads(50) == four.threads(50)
    assert measure(2, spread=60.0).generations == 2
    assert measure(2).generations == 1


def test_connections_with_tls_take_more_memory() -> None:
    plain, tls = measure(1), measure(1, tls=True)
    assert tls.fit_in_memory().seats < plain.fit_in_memory().seats * 0.7


def test_without_a_process_limit_there_are_1024_spare_threads() -> None:
    assert Capacity(1, PLENTY, None).threads(1000) == 2024


@pytest.mark.parametrize("workers", [1, 2, 7])
@pytest.mark.parametrize("free", [200, 512, 3000, 100_000])
def test_all_threads_fit_into_the_process_limit(workers: int, free: int) -> None:
    capacity = Capacity(workers, PLENTY, TaskLimit(free, "pids.max=x"))
    seats = min(1000, capacity.fit().seats)
    assert seats > 0
    assert workers * (capacity.threads(seats) + 1) < free
    assert capacity.threads(seats) >= seats + 16


def test_few_threads_are_shared_by_seats_and_pages() -> None:
    capacity = Capacity(1, PLENTY, TaskLimit(516, "pids.max=512"))
    assert capacity.fit() == (400, "pids.max=512 leaves 516 threads")
    assert capacity.threads(400) == 500
    assert capacity.threads(300) == 500


@pytest.mark.parametrize("tasks", [TaskLimit(0, "x"), TaskLimit(20, "x"), None])
def test_nothing_fits_into_nothing(tasks: TaskLimit | None) -> None:
    assert Capacity(1, MIB, tasks).fit().seats == 0


@pytest.mark.parametrize(
    ("variables", "overrides", "seats"),
    [
        ({}, {}, 5),
        ({"FLASK_ECHO_MAX_CONNECTIONS": "7"}, {}, 7),
        ({}, {"MAX_CONNECTIONS": 9}, 9),
    ],
)
def test_a_lowered_default_holds_where_the_user_sets_nothing(
    variables: dict[str, str], overrides: dict[str, int], seats: int
) -> None:
    code = (
        "from flask_echo.config import load_settings\n"
        "from flask_echo.websocket.limits import lower_default\n"
        "lower_default('MAX_CONNECTIONS', 5)\n"
        f"print(load_settings({overrides}).max_connections)\n"
    )
    env = environment() | variables
    printed = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, env=env, timeout=30)
    assert int(printed) == seats
