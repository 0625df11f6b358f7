"""What gunicorn's master tells its workers, without a gunicorn."""

import os
import signal
from types import SimpleNamespace
from typing import Any

import pytest

from flask_echo.retirement import guide_workers
from flask_echo.siblings import Siblings

PARENT = os.getppid()


def arbiter(**attributes: Any) -> Any:
    """An arbiter whose methods do nothing."""

    def nothing(*arguments: Any) -> None:
        """Do nothing."""

    methods = dict.fromkeys(("kill_worker", "manage_workers", "reload", "stop"), nothing)
    return SimpleNamespace(**{"WORKERS": {}, "reexec_pid": 0, "master_pid": 0, **methods}
                           | attributes)  # fmt: skip


def guided(**attributes: Any) -> tuple[Any, Siblings]:
    server, siblings = arbiter(**attributes), Siblings()
    guide_workers(server, siblings)
    return server, siblings


@pytest.mark.parametrize(
    ("attributes", "others"),
    [
        ({}, False),
        ({"reexec_pid": 4711}, True),  # SIGUSR2 has started a new gunicorn.
        ({"master_pid": PARENT}, True),  # SIGUSR2 has started this one, and the old one is there,
        ({"master_pid": PARENT + 1}, False),  # or has ended.
    ],
)
def test_a_stop_is_one_of_the_whole_server_unless_another_gunicorn_serves(
    attributes: dict[str, int], others: bool
) -> None:
    server, siblings = guided(**attributes)
    for age in (1, 2):
        siblings.expect(age)
    server.stop()
    assert siblings.all_stop() is not others
    for age in (1, 2):
        siblings.leave(age)
    assert siblings.any_serves() is others


def test_a_gunicorn_that_sigusr2_could_not_start_counts_no_longer() -> None:
    server, siblings = guided(reexec_pid=4711)
    siblings.hand_over()
    server.manage_workers()
    assert siblings.any_serves(), "it is about to start"
    server.reexec_pid = 0
    server.manage_workers()
    assert not siblings.any_serves()


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGQUIT])
def test_a_worker_knows_the_signal_before_it_comes(sig: int) -> None:
    seen = []
    siblings: Siblings
    server, siblings = guided(
        WORKERS={11: SimpleNamespace(age=1)},
        kill_worker=lambda pid, sig: seen.append(siblings.signal_to(1)),
    )
    siblings.expect(1)
    server.kill_worker(11, signal.SIGUSR1)
    server.kill_worker(11, sig)
    assert seen == [0, sig]
    assert not siblings.any_serves()
    siblings.bury(1)
    assert siblings.signal_to(1) == 0


def test_workers_that_stop_are_not_counted_and_are_there_again_afterwards() -> None:
    counted = []
    server: Any
    server, _ = guided(
        WORKERS={11: SimpleNamespace(age=1), 12: SimpleNamespace(age=2)},
        manage_workers=lambda: counted.append(set(server.WORKERS)),
        reload=lambda: (server.kill_worker(12, signal.SIGTERM), server.manage_workers()),
    )
    server.kill_worker(11, signal.SIGTERM)
    server.manage_workers()
    server.reload()
    assert counted == [{12}, set()]
    assert server.WORKERS.keys() == {11, 12}
