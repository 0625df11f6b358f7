"""Other applications below gunicorn with ``flask_echo.gunicorn_conf``, and below ``flask run``."""

import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.clients import RawWebSocket, ask, close_frame, frame, raw
from tests.support.servers import ROOT, StartServer, command, run_to_its_end
from tests.support.waiting import wait_until

APPS = "tests.support.apps"
CONFIG = ("--config", "python:flask_echo.gunicorn_conf")
PAGE = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def gunicorn(app: str) -> list[str]:
    return command("gunicorn", *CONFIG, app=f"{APPS}:{app}")


def converse(client: RawWebSocket) -> None:
    client.send(frame(0x81, b"hello"))
    assert client.receive().payload == b"hello"


@pytest.mark.parametrize("kind", ["gunicorn", "flask"])
def test_an_app_that_only_uses_the_library_is_served(start_server: StartServer, kind: str) -> None:
    arguments = CONFIG if kind == "gunicorn" else ()
    server = start_server(kind, *arguments, app=f"{APPS}:plain()", health="/")
    with raw(server, "/ws") as client:
        converse(client)
        client.send(close_frame(1000))
        assert client.receive().close_code == 1000


def test_every_app_below_a_middleware_says_goodbye(start_server: StartServer) -> None:
    server = start_server("gunicorn", *CONFIG, app=f"{APPS}:wrapped()", health="/")
    with ExitStack() as stack:
        clients = [stack.enter_context(raw(server, path)) for path in ("/ws", "/other/ws")]
        for client in clients:
            converse(client)
        server.process.send_signal(signal.SIGTERM)
        for client in clients:
            assert client.receive().close_code == 1001
            client.send(close_frame(1001))
            assert client.rest() == b""
    assert server.process.wait(20) == 0
    assert "Traceback" not in server.output()


def test_an_application_without_flask_is_served_and_stops(start_server: StartServer) -> None:
    server = start_server("gunicorn", *CONFIG, app=f"{APPS}:foreign", health="/")
    assert ask(server, PAGE).text == "foreign"
    assert server.stop() == 0
    assert "Traceback" not in server.output()


def test_an_own_configuration_includes_ours_and_changes_it(
    start_server: StartServer, tmp_path: Path
) -> None:
    own = tmp_path / "own.py"
    own.write_text(
        "from flask_echo.gunicorn_conf import *\n"
        'bind = "127.0.0.1:0"\n'
        "workers = 2\n"
        "def post_worker_init(worker):\n"
        '    worker.log.info("%s with %d threads", type(worker).__name__, worker.cfg.threads)\n'
    )
    server = start_server(
        "gunicorn", "--config", str(own), app=f"{APPS}:plain()", health="/", MAX_CONNECTIONS=7
    )
    told = "LongConnectionWorker with 1031 threads"
    wait_until(lambda: server.output().count(told) == 2, describe=server.describe)
    with raw(server, "/ws") as client:
        converse(client)


def test_the_settings_bring_no_other_names_into_an_own_configuration() -> None:
    names: dict[str, object] = {}
    exec("from flask_echo.gunicorn_conf import *", names)
    assert set(names) - {"__builtins__"} == {
        "backlog",
        "control_socket_disable",
        "graceful_timeout",
        "logger_class",
        "on_starting",
        "pre_exec",
        "ssl_context",
        "threads",
        "worker_class",
        "worker_connections",
    }


@pytest.mark.parametrize(
    ("app", "words"),
    [
        ("greedy()", ["5000 seats", "2024 threads", "lower", "raise"]),
        ("mistaken()", ["SOCK_SERVER_OPTIONS['max_conections']=5", "no such option"]),
    ],
)
def test_an_app_that_cannot_work_stops_the_start_with_one_line(app: str, words: list[str]) -> None:
    ended = run_to_its_end(gunicorn(app))
    assert ended.returncode == 4
    assert "Traceback" not in ended.stderr
    ours = [line for line in ended.stderr.splitlines() if line.startswith("flask_echo:")]
    assert len(ours) == 1
    for word in words:
        assert word in ours[0]


def test_the_bare_worker_refuses_more_seats_than_its_threads() -> None:
    bare = ("--config", "/dev/null", "--worker-class", "flask_echo.worker.LongConnectionWorker")
    ended = run_to_its_end(command("gunicorn", *bare, app=f"{APPS}:plain()"))
    assert ended.returncode == 4
    assert "1000 seats" in ended.stderr
    assert "only 1 threads" in ended.stderr


def test_a_bad_setting_stops_the_start_of_any_app_with_one_line() -> None:
    ended = run_to_its_end(gunicorn("plain()"), MAX_CONNECTIONS="lots")
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "FLASK_ECHO_MAX_CONNECTIONS='lots'" in ended.stderr


def test_another_gunicorn_than_the_tested_one_is_warned_of(start_server: StartServer) -> None:
    untested = ("--worker-class", "tests.support.counting.UntestedWorker")
    warning = "flask_echo's worker is tested with gunicorn 1.2.3 only"
    start_server("gunicorn", *untested).await_output(warning)
    assert "is tested with" not in start_server("gunicorn").output()


def test_a_reload_serves_new_code(start_server: StartServer, tmp_path: Path) -> None:
    (tmp_path / "own_app.py").write_text(own_app("old"))
    server = start_server(
        "gunicorn",
        *CONFIG,
        app="own_app:app",
        health="/",
        cwd=tmp_path,
        variables={"PYTHONPATH": str(ROOT)},
    )
    assert ask(server, PAGE).text == "old"
    (tmp_path / "own_app.py").write_text(own_app("newer"))
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: ask(server, PAGE).text == "newer", 20, server.describe)


def own_app(text: str) -> str:
    """Return the source of an application whose page is ``text``."""
    return (
        "from flask import Flask\n"
        "from flask_echo.websocket import Sock\n"
        "app = Flask(__name__)\n"
        "Sock(app)\n"
        f'app.add_url_rule("/", view_func=lambda: "{text}", endpoint="page")\n'
    )
