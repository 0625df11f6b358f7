"""gunicorn below ``flask_echo.gunicorn_conf`` with a log that nobody reads, or that fails.

How long a stop may take is asserted by gunicorn itself: its master kills workers that are late,
and its exit code is 0 only without that.
"""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from tests.support.clients import (
    TIMEOUT,
    RawWebSocket,
    ask,
    close_frame,
    frame,
    health,
    raw,
)
from tests.support.pipes import Account, Pipe, hopeless_log, open_pipe
from tests.support.servers import ROOT, Server, StartServer, command, environment, free_port
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

CONFIG = ("--config", "python:flask_echo.gunicorn_conf")

TALKATIVE = {"app": "tests.support.apps:talkative()", "health": "/"}

# A worker with connections has the close time-out and two seconds, and both processes wait for
# their log for a second.
STOP_SECONDS = 15


def page(path: str = "/", connection: str = "close") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: {connection}\r\n\r\n".encode()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    with open_pipe() as pipe:
        yield pipe


@pytest.fixture
def start_silent() -> Iterator[Any]:
    """Start a server whose output cannot show its port."""
    with ExitStack() as stack:

        def start(kind: str, *arguments: str, shell: str = "", **options: Any) -> Server:
            port = free_port()
            words = command(kind, *arguments, app=options.pop("app", "wsgi:app"))
            chosen = {"0": f"{port}", "127.0.0.1:0": f"127.0.0.1:{port}"}
            words = [chosen.get(word, word) for word in words]
            if shell:
                words = ["/bin/sh", "-c", f'exec "$@" {shell}', "sh", *words]
            server = Server(kind, words=words, port=port, **options)
            stack.callback(server.stop)
            return server

        yield start


def workers(server: Server) -> set[int]:
    pid = server.process.pid
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def open_files(pid: int) -> list[str]:
    """Return the names of the files and sockets that a process has open."""
    names = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):  # It was closed meanwhile.
            names.append(os.readlink(link))
    return names


def sockets(pid: int) -> int:
    return sum(name.startswith("socket:") for name in open_files(pid))


def open_and_close(server: Server, count: int, at_once: int = 100) -> None:
    """Open connections and close them, some at once."""
    for _ in range(count // at_once):
        with ExitStack() as stack:
            clients = [stack.enter_context(raw(server)) for _ in range(at_once)]
            for client in clients:
                client.send(close_frame(1000))
            for client in clients:
                assert client.receive().close_code == 1000
                assert client.rest() == b""


def open_without_end(server: Server, count: int) -> None:
    """Open connections and close them, without waiting for the end of their streams."""
    for _ in range(count):
        with raw(server) as client:
            client.send(close_frame(1000))
            assert client.receive().close_code == 1000


def converse(client: RawWebSocket) -> None:
    client.send(frame(0x81, b"hello"))
    assert client.receive().payload == b"hello"


def reload(server: Server) -> None:
    """Reload, and wait until only new workers are left."""
    old = workers(server)
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: workers(server) and not workers(server) & old, 20)
    # The new ones answer, once they have loaded the application.
    wait_until(lambda: ask(server, page("/healthz")).status == 200, 20)


def stop_with_an_open_connection(server: Server) -> None:
    """Send SIGTERM, and see the goodbye and a good end in time."""
    with raw(server) as client:
        converse(client)
        server.process.send_signal(signal.SIGTERM)
        assert client.receive().close_code == 1001
        client.send(close_frame(1001))
        assert client.rest() == b""
    assert server.process.wait(STOP_SECONDS) == 0


# -- Logs that take nothing ------------------------------------------------------------


@pytest.mark.parametrize("arguments", [("flask-echo",), ("gunicorn", "--workers", "2")])
@pytest.mark.parametrize("kind", ["unread", "broken", "full"])
def test_start_service_reload_and_stop_need_no_log(
    start_silent: Any, kind: str, arguments: tuple[str, ...]
) -> None:
    with hopeless_log(kind) as log:
        server = start_silent(*arguments, stdout=log, stderr=log)
        with raw(server) as bystander:
            open_and_close(server, 400)
            converse(bystander)
            bystander.send(close_frame(1000))
            assert bystander.receive().close_code == 1000
        reload(server)
        open_and_close(server, 100)
        stop_with_an_open_connection(server)


@pytest.mark.parametrize("closed", ["0<&- 1>&- 2>&-", "2>&-"])
def test_start_service_reload_and_stop_need_no_open_stream(start_silent: Any, closed: str) -> None:
    server = start_silent("gunicorn", shell=closed)
    open_and_close(server, 100)
    for process in (server.process.pid, *workers(server)):
        # A connection that got one of these would read the log.
        for number in (0, 1, 2):
            assert not os.readlink(f"/proc/{process}/fd/{number}").startswith("socket:")
    reload(server)
    open_and_close(server, 100)
    stop_with_an_open_connection(server)


def test_no_connection_is_stuck_at_a_log_that_nobody_reads(
    start_server: StartServer, pipe: Pipe
) -> None:
    server = start_server("flask-echo", stderr=pipe.writer)
    (worker,) = workers(server)
    idle = sockets(worker)
    open_and_close(server, 1000, at_once=500)
    wait_until(lambda: health(server)["seats_taken"] == 0)
    wait_until(lambda: sockets(worker) <= idle)
    assert health(server)["status"] == "ok"
    stop_with_an_open_connection(server)


def test_a_log_that_blocks_after_all_keeps_no_seat(start_server: StartServer, pipe: Pipe) -> None:
    blocking = ("--logger-class", "gunicorn.glogging.Logger")
    server = start_server("gunicorn", *blocking, stderr=pipe.writer)
    open_without_end(server, 100)
    wait_until(lambda: health(server)["seats_taken"] == 0)
    pipe.break_()  # All threads go on.
    assert server.stop() == 0


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGQUIT])
def test_a_quick_stop_needs_no_log(start_silent: Any, pipe: Pipe, sign: int) -> None:
    pipe.fill()
    server = start_silent("gunicorn", stdout=pipe.writer, stderr=pipe.writer)
    open_and_close(server, 100)
    began = monotonic()
    assert server.stop(sign) == 0
    assert monotonic() - began < STOP_SECONDS


def test_a_worker_that_died_is_replaced_without_a_log(start_silent: Any, pipe: Pipe) -> None:
    pipe.fill()
    server = start_silent("gunicorn", stdout=pipe.writer, stderr=pipe.writer)
    (old,) = workers(server)
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: workers(server) and old not in workers(server))
    open_and_close(server, 100)


def test_what_an_application_writes_does_not_block_it(start_silent: Any, pipe: Pipe) -> None:
    pipe.fill()
    server = start_silent("gunicorn", *CONFIG, stdout=pipe.writer, stderr=pipe.writer, **TALKATIVE)
    for _ in range(20):
        assert ask(server, page("/write")).text == "written"


def test_every_way_to_write_arrives(start_server: StartServer) -> None:
    server = start_server("gunicorn", *CONFIG, **TALKATIVE)
    assert ask(server, page("/write")).text == "written"
    server.stop()
    output = server.output()
    assert output.count("x" * 1000 + "\n") == 3
    for part in (
        "\nbytes\n",
        "a line of Flask",
        "a line that no handler takes",
        "--- Logging error ---",
        "ZeroDivisionError",
        "Worker exiting",
        "Shutting down: Master",
    ):
        assert part in output


def test_a_start_that_fails_ends_without_a_log(pipe: Pipe) -> None:
    pipe.fill()
    words = command("gunicorn", *CONFIG, app="tests.support.apps:greedy()")
    ended = subprocess.run(
        words, cwd=ROOT, env=environment(), stdout=pipe.writer, stderr=pipe.writer, timeout=60
    )
    assert ended.returncode == 4


# -- Lines that were dropped -----------------------------------------------------------


def test_the_number_of_dropped_lines_is_told_once_the_log_is_read(
    start_server: StartServer, pipe: Pipe
) -> None:
    access = ("--access-logfile", "-", "--access-logformat", "%(q)s")
    server = start_server(
        "gunicorn",
        *CONFIG,
        *access,
        app="tests.support.apps:plain()",
        health="/",
        stdout=pipe.writer,
    )
    pipe.read(b"\n")  # of the test's own look at the health
    pad = "x" * 3000
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT) as client:
        for n in range(600):  # More than the queue takes.
            client.sendall(page(f"/?{n}.{pad}", "keep-alive"))
            answer = b""
            while not answer.endswith(b"a page"):
                answer += client.recv(65536)
    account = Account()
    while account.lines < 600:
        account.read(pipe.read(b"\n").decode())
    assert 0 < account.dropped < 600
    ask(server, page("/?later"))
    assert pipe.read(b"\n") == b"later\n"


# -- gunicorn's own settings of logs ---------------------------------------------------


def test_files_of_logs_are_reopened(start_server: StartServer, tmp_path: Path) -> None:
    error, access = tmp_path / "error.log", tmp_path / "access.log"
    server = start_server(
        *("gunicorn", "--access-logfile", str(access), "--error-logfile", str(error)),
        *("--access-logformat", "%(U)s"),
    )
    ask(server, page("/first"))
    wait_until(lambda: "/first" in access.read_text())
    for file in (error, access):
        file.rename(file.with_suffix(".old"))
    server.process.send_signal(signal.SIGUSR1)
    wait_until(lambda: access.exists() and error.exists())

    def arrived() -> bool:
        ask(server, page("/second"))
        return "/second" in access.read_text()

    wait_until(arrived)
    old_workers = workers(server)
    reload(server)
    ask(server, page("/third"))
    wait_until(lambda: "/third" in access.read_text())
    # The handlers of before are closed.
    wait_until(lambda: open_files(server.process.pid).count(str(error)) == 1)
    assert not [name for name in open_files(server.process.pid) if name.endswith(".old")]
    assert server.stop() == 0
    assert "Hang up: Master" in error.read_text()
    assert "Shutting down: Master" in error.read_text()
    (old,) = old_workers
    assert f"Worker exiting (pid: {old})" in error.read_text()
    assert "Booting worker" in error.with_suffix(".old").read_text()


def test_a_log_file_may_be_a_pipe_that_nobody_reads(start_server: StartServer, pipe: Pipe) -> None:
    pipe.fill()
    unread = ("--error-logfile", "/dev/stderr", "--access-logfile", "/dev/stderr")
    server = start_server("gunicorn", *unread, stderr=pipe.writer)
    open_and_close(server, 400)
    reload(server)
    open_and_close(server, 100)
    stop_with_an_open_connection(server)


def test_captured_output_goes_to_the_log_file(start_silent: Any, tmp_path: Path) -> None:
    place = tmp_path / "log"
    captured = ("--capture-output", "--error-logfile", str(place))
    server = start_silent("gunicorn", *CONFIG, *captured, **TALKATIVE)
    assert ask(server, page("/write")).text == "written"
    assert server.stop() == 0
    assert place.read_text().count("x" * 1000) == 3
    assert server.output() == ""


def test_handlers_of_an_own_configuration_do_not_block(
    start_server: StartServer, pipe: Pipe, tmp_path: Path
) -> None:
    place = tmp_path / "logging.ini"
    place.write_text(
        "[loggers]\nkeys=root,echo\n[handlers]\nkeys=console\n[formatters]\nkeys=\n"
        "[logger_root]\nhandlers=console\nlevel=INFO\n"
        "[logger_echo]\nhandlers=\nlevel=INFO\nqualname=flask_echo\n"
        "[handler_console]\nclass=StreamHandler\nargs=(sys.stderr,)\n"
    )
    server = start_server("gunicorn", "--log-config", str(place), stderr=pipe.writer)
    pipe.read(b"\n")
    open_and_close(server, 400)
    stop_with_an_open_connection(server)


def test_an_own_logger_class_stays(start_server: StartServer) -> None:
    server = start_server("gunicorn", "--logger-class", "gunicorn.glogging.Logger")
    open_and_close(server, 100)
    assert server.stop() == 0
    assert server.output().count(" from 127.0.0.1 port ") == 100


def test_statsd_gets_its_figures(start_server: StartServer) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as statsd:
        statsd.bind(("127.0.0.1", 0))
        statsd.settimeout(TIMEOUT)
        start_server("gunicorn", "--statsd-host", f"127.0.0.1:{statsd.getsockname()[1]}")
        assert statsd.recv(1000).startswith(b"gunicorn.")
