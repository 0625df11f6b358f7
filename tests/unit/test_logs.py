"""Streams that nobody waits for: order, loss, forks, signals, and the end of the process."""

import io
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import TextIO

import pytest

from flask_echo.logs import queue
from flask_echo.logs.queue import LogWriter
from flask_echo.logs.streams import queued, unblocked
from flask_echo.logs.writing import LONGEST_TEXT, Entry, pieces
from tests.support.pipes import PIPE_BYTES, Account, Pipe, open_pipe
from tests.support.servers import ROOT, environment
from tests.support.waiting import wait_until


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    with open_pipe() as pipe:
        yield pipe


def text_file(pipe: Pipe) -> TextIO:
    """Open the writing end once more, without owning it."""
    return os.fdopen(pipe.writer, "w", encoding="latin-1", closefd=False)


def within(seconds: float) -> float:
    return monotonic() + seconds


def run(script: str, **streams: int) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own, with its streams in one pipe or as given."""
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **streams}
    words = [sys.executable, "-c", script]
    return subprocess.run(words, cwd=ROOT, env=environment(), text=True, timeout=60, **given)  # type: ignore[call-overload, no-any-return]


# -- The queue -------------------------------------------------------------------------


def test_texts_are_written_in_order(pipe: Pipe) -> None:
    writer = LogWriter()
    lines = [b"line %d\n" % n for n in range(2000)]
    for line in lines:
        writer.put(pipe.writer, line)
    assert pipe.read(lines[-1]) == b"".join(lines)


def test_each_thread_keeps_its_order_and_no_line_is_torn(pipe: Pipe) -> None:
    stream = unblocked(text_file(pipe))

    def write(name: int) -> None:
        for n in range(200):
            print(name, n, file=stream)

    threads = [threading.Thread(target=write, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    lines: list[str] = []
    while len(lines) < 1600:
        lines += pipe.read(b"\n").decode().splitlines()
    for name in range(8):
        own = [line for line in lines if line.startswith(f"{name} ")]
        assert own == [f"{name} {n}" for n in range(200)]
    for thread in threads:
        thread.join()


@pytest.fixture
def gathering(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> LogWriter:
    """A writer with room for 4096 bytes that has written once, and gathers for an hour."""
    monkeypatch.setattr(queue, "GATHER_SECONDS", 3600)
    writer = LogWriter(4096)
    writer.put(pipe.writer, b"first")
    writer.flush(within(10))
    assert pipe.read(b"first") == b"first"
    return writer


def test_texts_that_come_soon_after_a_write_are_written_in_one_piece(
    pipe: Pipe, gathering: LogWriter
) -> None:
    gathering.put(pipe.writer, b"second")
    gathering.put(pipe.writer, b"third")
    assert not select.select([pipe.reader], [], [], 0.2)[0]
    gathering.flush(within(10))
    assert os.read(pipe.reader, 100) == b"secondthird"


def test_half_of_the_queue_is_not_waited_for(pipe: Pipe, gathering: LogWriter) -> None:
    gathering.put(pipe.writer, bytes(1900))
    gathering.put(pipe.writer, b"more")
    assert pipe.read(b"more") == bytes(1900) + b"more"


def test_gathered_texts_are_written_before_the_thread_rests(
    pipe: Pipe, gathering: LogWriter
) -> None:
    threads = threading.active_count()
    gathering.put(pipe.writer, b"last")
    gathering.rest(10)
    assert threading.active_count() == threads - 1
    assert pipe.read(b"last") == b"last"


def test_a_full_queue_drops_lines_and_tells_the_count_where_they_are_missing(pipe: Pipe) -> None:
    pipe.fill()
    writer = LogWriter(capacity=10_000)
    for n in range(500):
        writer.put(pipe.writer, b"%d\n" % n)  # This would block for ever.
    os.read(pipe.reader, PIPE_BYTES)
    account = Account()
    while account.lines < 500:
        account.read(pipe.read(b"\n").decode())
    assert 0 < account.dropped < 500
    assert account.pid == os.getpid()
    writer.put(pipe.writer, b"later\n")
    assert pipe.read(b"later\n") == b"later\n"


def test_a_long_text_is_cut(pipe: Pipe) -> None:
    writer = LogWriter()
    writer.put(pipe.writer, b"a" * LONGEST_TEXT + b"bcd")
    text = pipe.read(b"(3 bytes cut)\n")
    assert text == b"a" * LONGEST_TEXT + b"... (3 bytes cut)\n"


def test_a_descriptor_that_fails_loses_its_lines_and_tells_the_count_later(pipe: Pipe) -> None:
    broken = Pipe()
    broken.break_()
    writer = LogWriter()
    writer.put(broken.writer, b"one\ntwo\n")
    writer.flush(within(10))
    writer.put(broken.writer, b"three\n")
    writer.flush(within(10))
    os.dup2(pipe.writer, broken.writer)
    writer.put(broken.writer, b"four\n")
    os.close(pipe.writer)
    writer.flush(within(10))
    os.dup2(broken.writer, pipe.writer)
    os.close(broken.writer)
    four, notice = pipe.read(b"Broken pipe\n").splitlines()
    assert four == b"four"
    assert notice.endswith(b"3 log lines were dropped: Broken pipe")


def test_a_full_disk_loses_lines_and_nothing_else() -> None:
    writer = LogWriter()
    full = os.open("/dev/full", os.O_WRONLY)
    for _ in range(3):
        writer.put(full, b"line\n")
        writer.flush(within(10))
    os.close(full)


def test_a_file_that_somebody_made_non_blocking_loses_no_line(pipe: Pipe) -> None:
    os.set_blocking(pipe.writer, False)
    pipe.fill()
    writer = LogWriter()
    writer.put(pipe.writer, b"line\n")
    writer.flush(within(0.1))
    assert pipe.read(b"line\n") == b"x" * PIPE_BYTES + b"line\n"


def test_flush_waits_until_everything_is_written(pipe: Pipe) -> None:
    writer = LogWriter()
    writer.put(pipe.writer, b"line\n")
    writer.flush(within(10))
    os.set_blocking(pipe.reader, False)
    assert os.read(pipe.reader, 100) == b"line\n"


def test_flush_gives_up_at_its_deadline(pipe: Pipe) -> None:
    pipe.fill()
    writer = LogWriter()
    writer.put(pipe.writer, b"line\n")
    began = monotonic()
    writer.flush(within(0.2))
    assert 0.1 < monotonic() - began < 10
    pipe.read(b"line\n")


def test_a_lack_of_threads_loses_no_line(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    writer = LogWriter()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        writer.put(pipe.writer, b"one\n")
    writer.put(pipe.writer, b"two\n")
    assert pipe.read(b"two\n") == b"one\ntwo\n"


def test_the_thread_outlives_a_lack_of_memory(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    writer, threads = LogWriter(), []

    def without_memory(entries: list[Entry]) -> Iterator[Entry]:
        # Threads of other writers may live, and look at their empty queues.
        if [entry for entry in entries if entry.descriptor == pipe.writer]:
            threads.append(threading.get_ident())
            if len(threads) == 1:
                raise MemoryError
        return pieces(entries)

    monkeypatch.setattr(queue, "pieces", without_memory)
    writer.put(pipe.writer, b"lost\n")
    wait_until(lambda: threads)
    writer.put(pipe.writer, b"written\n")
    assert pipe.read(b"written\n") == b"written\n"
    assert len(set(threads)) == 1


def test_a_writer_whose_thread_rests_goes_on(pipe: Pipe) -> None:
    before = threading.active_count()
    writer = LogWriter()
    for line in (b"one\n", b"two\n"):
        writer.put(pipe.writer, line)
        writer.rest(10)
        assert threading.active_count() == before
    assert pipe.read(b"two\n") == b"one\ntwo\n"


def test_a_thread_that_could_not_rest_in_time_goes_on(pipe: Pipe) -> None:
    writer = LogWriter()
    writer.put(pipe.writer, b"zero\n")
    assert pipe.read(b"zero\n") == b"zero\n"
    writer.flush(within(10))
    pipe.fill()
    writer.put(pipe.writer, b"one\n")
    writer.rest(0.01)
    writer.put(pipe.writer, b"two\n")
    assert pipe.read(b"two\n") == b"x" * PIPE_BYTES + b"one\ntwo\n"
    writer.put(pipe.writer, b"three\n")
    writer.flush(within(10))
    assert pipe.read(b"three\n") == b"three\n"


# -- The streams -----------------------------------------------------------------------


def test_a_stream_looks_like_the_one_that_it_replaces(pipe: Pipe) -> None:
    old = text_file(pipe)
    new = unblocked(old)
    assert (new.fileno(), new.encoding, new.name) == (old.fileno(), "latin-1", old.name)
    assert not new.isatty()
    assert new.writable()
    print("\N{EURO SIGN}", file=new)
    new.buffer.write(b"bytes\n")
    assert pipe.read(b"bytes\n") == b"\\u20ac\nbytes\n"
    assert unblocked(new) is new


def test_a_stream_that_is_no_file_stays() -> None:
    text = io.StringIO()
    assert unblocked(text) is text


def test_a_wrapper_of_the_application_stays() -> None:
    class Wrapper(io.TextIOWrapper):
        pass

    with Wrapper(open(os.devnull, "wb")) as wrapper:
        assert unblocked(wrapper) is wrapper


def test_a_closed_file_has_all_its_lines_and_no_thread(tmp_path: Path) -> None:
    before = threading.active_count()
    place = tmp_path / "log"
    file = place.open("w", encoding="utf-8")
    stream = queued(file)
    stream.write("one\ntwo")
    stream.close()
    wait_until(lambda: file.closed)
    assert place.read_text() == "one\ntwo"
    wait_until(lambda: threading.active_count() == before)


# -- The process -----------------------------------------------------------------------


def test_both_streams_of_one_file_keep_their_order() -> None:
    script = (
        "import sys; from flask_echo.logs import streams; streams.install()\n"
        "for n in range(500): print(n, file=(sys.stdout, sys.stderr)[n % 2])"
    )
    assert run(script).stdout == "".join(f"{n}\n" for n in range(500))


def test_the_last_words_are_written() -> None:
    script = (
        "from flask_echo.logs import streams; streams.install(); streams.install()\n"
        "print('one'); print('two', end=''); raise ValueError('the end')"
    )
    ended = run(script)
    assert ended.stdout.startswith("one\n")
    assert "ValueError: the end\n" in ended.stdout
    assert ended.stdout.endswith("two")
    assert ended.returncode == 1


def test_the_very_last_words_are_written_if_there_is_room(pipe: Pipe) -> None:
    script = (
        "import sys; from flask_echo.logs import streams; streams.install()\n"
        "class Last:\n"
        "    def __init__(self): self.cycle = self\n"
        "    def __del__(self): sys.stderr.write(f'finalizing: {sys.is_finalizing()}\\n')\n"
        "Last()"  # Python breaks its cycle when it finalizes.
    )
    assert run(script).stdout == "finalizing: True\n"
    pipe.fill()
    assert run(script, stderr=pipe.writer).returncode == 0


def test_a_process_ends_although_nobody_reads_its_last_words(pipe: Pipe) -> None:
    pipe.fill()
    script = (
        "from flask_echo.logs import streams; streams.install()\n"
        "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"
    )
    assert run(script, stdout=pipe.writer, stderr=pipe.writer).returncode == 7


def test_a_refusal_ends_the_process_although_nobody_reads_it(pipe: Pipe) -> None:
    pipe.fill()
    script = "from flask_echo.startup import refuse; refuse('no')"
    assert run(script, stderr=pipe.writer).returncode == 2
    assert run(script).stdout == "flask_echo: no\n"


def test_a_forked_child_writes_its_own_lines_and_none_of_its_parent(pipe: Pipe) -> None:
    pipe.fill()
    script = f"""
import os, sys
from flask_echo.logs import streams
from flask_echo.logs.queue import LogWriter
writer = LogWriter()
writer.put({pipe.writer}, b"waits\\n")  # The thread cannot rest before the fork.
writer.put({pipe.writer}, b"waits, too\\n")
streams.install()
print("parent")
if not os.fork():
    print("child")
    writer.put(2, b"same writer\\n")
    sys.exit()
os.wait()
print("end")
os.read({pipe.reader}, {PIPE_BYTES})
"""
    words = [sys.executable, "-c", script]
    ended = subprocess.run(
        words,
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=(pipe.reader, pipe.writer),
        text=True,
        timeout=60,
    )
    assert sorted(ended.stdout.splitlines()) == ["child", "end", "parent", "same writer"]
    assert ended.stdout.startswith("parent\n")
    assert ended.stdout.endswith("end\n")
    assert pipe.read(b"waits, too\n") == b"waits\nwaits, too\n"


def test_a_child_of_a_worker_that_ends_at_once_has_written_its_lines() -> None:
    script = """
import os
from flask_echo.logs import streams
streams.install()
if not os.fork():
    print("worker")
    if not os.fork():
        print("child of the worker")
        os._exit(0)
    os.wait()
    raise SystemExit
os.wait()
"""
    assert sorted(run(script).stdout.splitlines()) == ["child of the worker", "worker"]


def test_a_signal_handler_may_log_at_any_time() -> None:
    script = """
import signal, sys, time
from flask_echo.logs import streams
streams.install()
heard = said = 0
def handler(*_):
    global heard
    heard += 1
    sys.stderr.write(f"heard {heard}\\n")
signal.signal(signal.SIGVTALRM, handler)
signal.setitimer(signal.ITIMER_VIRTUAL, 0.0005, 0.0005)
while heard < 40:
    said += 1
    sys.stderr.write(f"said {said}\\n")
    if said % 200 == 0:
        time.sleep(0.002)  # The thread writes, so that nothing is dropped.
signal.setitimer(signal.ITIMER_VIRTUAL, 0)
sys.stderr.write(f"all {said + heard}\\n")
"""
    ended = run(script)
    assert ended.returncode == 0
    *lines, last = ended.stdout.splitlines()
    assert last == f"all {len(lines)}"


@pytest.mark.parametrize("closed", ["0<&- 1>&- 2>&-", "1>&- 2>&-", "2>&-", "1>&-"])
def test_no_connection_gets_the_descriptor_of_a_closed_stream(closed: str, tmp_path: Path) -> None:
    place = tmp_path / "result"
    script = (
        "import socket, sys; from flask_echo.logs import streams; streams.install()\n"
        "made = socket.socket().fileno()\n"
        "print('out'); print('err', file=sys.stderr)\n"
        f"open({str(place)!r}, 'w').write(str(made))"
    )
    shell = ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-W", "ignore", "-c"]
    ended = subprocess.run([*shell, script], cwd=ROOT, env=environment(), timeout=60)
    assert ended.returncode == 0
    assert int(place.read_text()) > 2


def test_sigterm_ends_a_process_whose_thread_waits(pipe: Pipe) -> None:
    pipe.fill()
    script = (
        "import signal, sys, time; from flask_echo.logs import streams; streams.install()\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))\n"
        "print('waits', file=sys.stderr); print('ready', flush=True)\n"
        "while True: time.sleep(0.1)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=pipe.writer,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 3
