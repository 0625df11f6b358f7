"""Streams of JSON lines: whatever writes to them, a line comes out, and none is forged."""

import io
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from time import monotonic
from typing import TextIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flask_echo.logs.json_line import JsonFormatter
from flask_echo.logs.json_stream import JSON
from flask_echo.logs.queue import QUEUE_BYTES, LogWriter
from flask_echo.logs.streams import is_queued, queued, unblocked
from flask_echo.logs.writing import LONGEST_TEXT
from tests.support.json_lines import parse, parse_all
from tests.support.pipes import Pipe, open_pipe
from tests.support.servers import ROOT, environment

BEGIN = "from flask_echo.logs import json_process; json_process.install()\n"
FORGED = '{"timestamp": "2026-01-01T00:00:00.000Z", "body": "forged"}'


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    with open_pipe() as pipe:
        yield pipe


@pytest.fixture
def stream(pipe: Pipe) -> Iterator[TextIO]:
    """A stream into the pipe. Its last words come while the descriptor is still the pipe's."""
    file = os.fdopen(pipe.writer, "w", encoding="latin-1", closefd=False)
    writer = LogWriter(QUEUE_BYTES, JSON.notice)
    with unblocked(file, writer, JSON) as stream:
        yield stream
    pipe.break_()
    writer.flush(monotonic() + 10)


def run(script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own whose streams are JSON, both in one pipe."""
    return subprocess.run(
        [sys.executable, "-c", BEGIN + script],
        cwd=ROOT,
        env=environment() | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )


def bodies(output: str) -> list[str]:
    return [line["body"] for line in parse_all(output)]


# -- The stream ------------------------------------------------------------------------------


def test_a_text_is_wrapped_also_if_it_looks_like_a_line(pipe: Pipe, stream: TextIO) -> None:
    print(FORGED, file=stream)
    assert parse(pipe.read(b"\n").decode()[:-1])["body"] == FORGED


def test_a_line_of_the_formatter_goes_through(pipe: Pipe, stream: TextIO) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    handler.handle(logging.makeLogRecord({"msg": "text", "levelno": 20, "levelname": "INFO"}))
    assert parse(pipe.read(b"\n").decode()[:-1])["severity_text"] == "INFO"


def test_what_one_call_writes_is_one_line(pipe: Pipe, stream: TextIO) -> None:
    stream.write("one\ntwo\nthr")
    stream.flush()
    print("ee", 4, file=stream)
    lines = bodies(pipe.read(b'4", "process.pid": %d}\n' % os.getpid()).decode())
    assert lines == ["one\ntwo", "three 4"]


def test_the_words_of_two_threads_do_not_mix(pipe: Pipe, stream: TextIO) -> None:
    stream.write("one ")
    other = threading.Thread(target=print, args=("other",), kwargs={"file": stream})
    other.start()
    other.join()
    stream.write("two\n")
    output = b""
    while output.count(b"\n") < 2:
        output += pipe.read(b"\n")
    assert bodies(output.decode()) == ["other", "one two"]


def test_a_text_without_end_does_not_wait_for_ever(pipe: Pipe, stream: TextIO) -> None:
    with ThreadedReader(pipe) as reader:
        for _ in range(LONGEST_TEXT // 1000 + 2):
            stream.write("x" * 1000)
        assert parse(reader.line())["body"].startswith("xxx")


class ThreadedReader:
    """Reads a small pipe while the test writes."""

    def __init__(self, pipe: Pipe) -> None:
        self._text = b""
        self._pipe = pipe
        self._thread = threading.Thread(target=self._read)

    def _read(self) -> None:
        self._text = self._pipe.read(b"\n")

    def line(self) -> str:
        self._thread.join(10)
        return self._text.decode()[:-1]

    def __enter__(self) -> "ThreadedReader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(10)


def test_a_closed_file_has_its_last_words(tmp_path: Path) -> None:
    place = tmp_path / "log"
    file = place.open("w", encoding="utf-8")
    stream = queued(file, JSON)
    assert is_queued(stream, JSON)
    stream.write("one\ntwo")
    stream.close()
    while not file.closed:
        threading.Event().wait(0.01)
    lines = parse_all(place.read_text())
    assert [line["body"] for line in lines] == ["one", "two"]
    assert "log.iostream" not in lines[0]


def bare(texts: Iterable[str]) -> str:
    """The text without any white space: blank lines are left out, and lines may be split."""
    return "".join("".join(texts).split())


@given(st.lists(st.text(), max_size=5))
@example(["0\n0"])
def test_no_text_breaks_the_log(texts: list[str]) -> None:
    reader, writer = os.pipe()
    file = os.fdopen(writer, "w", encoding="utf-8")
    stream = queued(file, JSON)
    for text in texts:
        print(text, file=stream)
    stream.close()
    with os.fdopen(reader, encoding="utf-8", newline="\n") as output:
        lines = [parse(line[:-1]) for line in output]
    assert bare(line["body"] for line in lines) == bare(texts)


# -- The process -----------------------------------------------------------------------------


def test_every_way_to_write_makes_a_line() -> None:
    ended = run(
        "import logging, os, sys, threading, warnings\n"
        "print('out'); print('err', file=sys.stderr); sys.stderr.buffer.write(b'raw \\xff\\n')\n"
        "logging.getLogger('unknown').warning('record')\n"
        "logging.getLogger('unknown').info('not logged')\n"
        "logging.getLogger('broken').error('%d', 'x')\n"
        "warnings.warn('warned')\n"
        "class Rude:\n"
        "    def __del__(self): raise KeyError('unraisable')\n"
        "Rude()\n"
        "thread = threading.Thread(target=lambda: 1 // 0); thread.start(); thread.join()\n"
        "threading.Thread(target=sys.exit).start()\n"
        "print('end', end='')\n"
        "raise ValueError('the last')",
        PYTHONWARNINGS="default",
    )
    assert ended.returncode == 1
    lines = parse_all(ended.stdout)
    by_body = {line["body"]: line for line in lines}
    assert by_body["out"]["log.iostream"] == "stdout"
    assert by_body["err"]["log.iostream"] == "stderr"
    assert "raw \\xff" in by_body
    assert by_body["record"]["otel.scope.name"] == "unknown"
    assert "not logged" not in by_body
    assert any("--- Logging error ---" in body for body in by_body)
    (warning,) = [line for line in lines if line.get("otel.scope.name") == "py.warnings"]
    assert "UserWarning: warned" in warning["body"]
    caught = {line["exception.type"]: line for line in lines if "exception.type" in line}
    assert list(caught) == ["KeyError", "ZeroDivisionError", "ValueError"]
    assert caught["ValueError"]["severity_text"] == "CRITICAL"
    assert by_body["end"] == lines[-1]


def test_the_streams_become_json_once() -> None:
    script = (
        "import logging; from flask_echo.logs import streams\n"
        "streams.install(); json_process.install(); logging.getLogger('x').error('once')"
    )
    assert bodies(run(script).stdout) == ["once"]


def test_streams_that_were_text_become_json() -> None:
    script = "from flask_echo.logs import json_process, streams; streams.install()\n" + BEGIN
    words = [sys.executable, "-c", f"{script}print('text')"]
    output = subprocess.check_output(words, cwd=ROOT, env=environment(), text=True, timeout=60)
    assert bodies(output) == ["text"]


def test_the_very_last_words_are_json() -> None:
    script = (
        "import sys\n"
        "class Last:\n"
        "    def __init__(self): self.cycle = self\n"
        "    def __del__(self): sys.stderr.write(f'finalizing: {sys.is_finalizing()}\\n')\n"
        "Last()"
    )
    assert bodies(run(script).stdout) == ["finalizing: True"]


def test_a_child_of_a_fork_writes_json() -> None:
    script = (
        "import os\n"
        "print('waits', end='')\n"
        "if not os.fork():\n"
        "    print(' in the child'); raise SystemExit\n"
        "os.wait(); print(' in the parent')"
    )
    assert sorted(bodies(run(script).stdout)) == ["waits in the child", "waits in the parent"]


def test_a_host_that_formats_its_records_itself_may_use_the_fields() -> None:
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(logging.Formatter("%(client.address)s %(message)s"))
    handler.handle(logging.makeLogRecord({"msg": "x", "client.address": "192.0.2.1"}))
    assert text.getvalue() == "192.0.2.1 x\n"


def test_a_dropped_line_is_told_in_json(pipe: Pipe) -> None:
    pipe.fill()
    stream = unblocked(os.fdopen(pipe.writer, "w", closefd=False), style=JSON)
    for n in range(20_000):
        print(n, file=stream)
    pipe.read(b"x" * 4096)
    seen = 0
    while seen < 20_000:
        for line in pipe.read(b"\n").decode().splitlines():
            fields = json.loads(line)
            parse(line)
            dropped = fields.get("flask_echo.dropped_lines")
            assert dropped or fields["body"] == str(seen)
            seen += dropped or 1
    assert seen == 20_000
