"""The pool of threads, when the system gives none and when it does."""

import _thread
import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any

import pytest

from flask_echo import pool as pool_module
from flask_echo.pool import SPARE_THREADS, Job, JobQueue, Pool, until_there_is_memory
from tests.support.waiting import wait_until


def no_thread(*_: object) -> None:
    raise RuntimeError("can't start new thread")


def submitted(pool: Pool, call: Callable[[], Any]) -> Job:
    job = Job(call)
    pool.submit(job)
    return job


def test_jobs_run_in_threads_and_report_their_end() -> None:
    pool, done = Pool(2), threading.Event()
    job = Job(lambda: 6 * 7)
    job.done = done.set
    pool.submit(job)
    pool.grow()
    assert done.wait(10)
    assert job.result() == 42
    pool.shutdown()


def test_an_idle_thread_is_used_again() -> None:
    pool = Pool(10)
    threads = set()
    for _ in range(20):
        job = submitted(pool, lambda: threads.add(threading.get_ident()))
        pool.grow()
        wait_until(job.is_claimed)
        wait_until(lambda: pool.shortage() == 0)
    assert len(threads) <= 1 + SPARE_THREADS
    pool.shutdown()


def test_a_job_wakes_one_thread_the_one_that_has_waited_shortest() -> None:
    jobs, taken = JobQueue(), SimpleQueue[tuple[int, object]]()

    def take(name: int) -> None:
        alarm = threading.Lock()
        alarm.acquire()
        taken.put((name, jobs.get(alarm)))

    threads = [threading.Thread(target=take, args=(name,)) for name in range(3)]
    for count, thread in enumerate(threads, 1):
        thread.start()
        wait_until(lambda count=count: jobs.waiting == count)  # type: ignore[misc]
    for name, job in ((2, Job(bool)), (1, Job(bool)), (0, None)):
        jobs.put(job)
        assert jobs.waiting == name
        assert taken.get(timeout=10) == (name, job)
    for thread in threads:
        thread.join(10)


def test_a_job_of_a_full_pool_waits_for_a_thread() -> None:
    pool, go = Pool(1), threading.Event()
    first = submitted(pool, partial(go.wait, 10))
    pool.grow()
    wait_until(first.is_claimed)
    second = submitted(pool, bool)
    pool.grow()
    assert pool.shortage() == 1
    assert not second.is_claimed()
    go.set()
    wait_until(second.is_claimed)
    pool.shutdown()


def test_a_job_that_got_no_thread_runs_later_or_never_but_not_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool = Pool(2)
    ran: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(_thread, "start_new_thread", no_thread)
        refused = submitted(pool, lambda: ran.append("refused"))
        waiting = submitted(pool, lambda: ran.append("waiting"))
        with pytest.raises(RuntimeError):
            pool.grow()
        assert pool.shortage() == 2
        assert refused.claim()
    pool.grow()
    wait_until(waiting.is_claimed)
    wait_until(lambda: pool.shortage() == 0)
    wait_until(lambda: ran == ["waiting"])
    pool.shutdown()


@pytest.mark.parametrize("system_tells", [True, False])
def test_threads_that_die_before_their_first_step_are_replaced(
    monkeypatch: pytest.MonkeyPatch, system_tells: bool
) -> None:
    pool = Pool(1)
    monkeypatch.setattr(pool_module, "LATE_SECONDS", 60.0)
    if not system_tells:
        monkeypatch.setattr(pool_module, "TASKS", "/nowhere")
    with monkeypatch.context() as patch:
        patch.setattr(_thread, "start_new_thread", lambda *_: None)
        job = submitted(pool, bool)
        pool.grow()
    pool.grow()
    assert not job.is_claimed()
    monkeypatch.setattr(pool_module, "LATE_SECONDS", 0.0)
    if not system_tells:
        pool.grow()
        assert not job.is_claimed()
        monkeypatch.setattr(pool_module, "BIRTH_SECONDS", 0.0)
    pool.grow()
    wait_until(job.is_claimed)
    pool.shutdown()


def test_a_thread_that_waits_for_its_first_step_is_not_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool, go = Pool(1), threading.Event()
    start = _thread.start_new_thread
    monkeypatch.setattr(pool_module, "LATE_SECONDS", 0.0)

    def start_late(work: Callable[..., object], arguments: tuple[object, ...]) -> int:
        return start(lambda: go.wait(10) and work(*arguments), ())

    with monkeypatch.context() as patch:
        patch.setattr(_thread, "start_new_thread", start_late)
        job = submitted(pool, bool)
        pool.grow()
    pool.grow()
    assert pool.shortage() == 0, "the pool counts on the thread"
    go.set()
    wait_until(job.is_claimed)
    pool.shutdown()


def test_a_thread_that_was_started_before_the_last_failure_does_not_end_the_lack(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool, go, left = Pool(10), threading.Event(), iter([True])
    start = _thread.start_new_thread

    def start_one_late(work: Callable[..., object], arguments: tuple[object, ...]) -> int:
        if not next(left, False):
            no_thread()
        return start(lambda: go.wait(10) and work(*arguments), ())

    with monkeypatch.context() as patch:
        patch.setattr(_thread, "start_new_thread", start_one_late)
        with pytest.raises(RuntimeError):
            pool.grow()
    go.set()
    wait_until(submitted(pool, bool).is_claimed)
    assert not pool.can_keep_one()
    pool.grow()
    wait_until(pool.can_keep_one)
    pool.shutdown()


def test_an_error_of_a_job_is_kept_and_its_thread_goes_on() -> None:
    pool, done = Pool(1), threading.Event()
    job = Job(partial(exit, "an error"))
    job.done = done.set
    pool.submit(job)
    pool.grow()
    assert done.wait(10)
    assert isinstance(job.error, SystemExit)
    wait_until(submitted(pool, bool).is_claimed)
    pool.shutdown()


def test_a_step_without_memory_is_tried_again() -> None:
    outcomes = iter([MemoryError, MemoryError, 42])

    def step() -> object:
        outcome = next(outcomes)
        if outcome is MemoryError:
            raise MemoryError
        return outcome

    assert until_there_is_memory(step) == 42
