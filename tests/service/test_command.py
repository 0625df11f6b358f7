"""The command ``flask-echo``: it becomes gunicorn, says where it serves, and explains mistakes."""

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.clients import close_frame, raw
from tests.support.servers import (
    ROOT,
    STOP_SECONDS,
    Server,
    StartServer,
    command,
    environment,
    free_port,
    run_to_its_end,
)
from tests.support.waiting import wait_until


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", free_port())) as listener:
        yield listener.getsockname()[1]


def serving(server: Server) -> list[str]:
    return re.findall("^Serving on .*$", server.output(), re.MULTILINE)


def test_a_signal_to_the_command_drains_gunicorn(start_server: StartServer) -> None:
    server = start_server("flask-echo")
    with raw(server) as client:
        server.process.send_signal(signal.SIGTERM)
        assert client.receive().close_code == 1001
        client.send(close_frame(1001))
        assert client.rest() == b""
    assert server.process.wait(STOP_SECONDS) == 0
    assert serving(server) == [f"Serving on http://localhost:{server.port} (Ctrl-C stops)"]


def test_the_line_serving_on_comes_when_the_server_listens() -> None:
    with subprocess.Popen(
        command("flask-echo"),
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            port = re.fullmatch(r"Serving on http://localhost:(\d+) \(Ctrl-C stops\)\n", line)
            assert port
            socket.create_connection(("127.0.0.1", int(port[1]))).close()
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


@pytest.mark.parametrize("kind", ["gunicorn", "flask-echo"])
def test_the_environment_says_where_to_listen(start_server: StartServer, kind: str) -> None:
    port = free_port()
    words = command(kind)[:-2]  # without --bind, --port
    variables = {"HOST": "127.0.0.1", "PORT": str(port), "WEB_CONCURRENCY": "2"}
    server = start_server(kind, words=words, variables=variables)
    assert serving(server) == [f"Serving on http://localhost:{port} (Ctrl-C stops)"]
    wait_until(lambda: server.output().count("Booting worker") == 2, describe=server.describe)


def test_options_win_over_the_environment(start_server: StartServer) -> None:
    server = start_server(
        "flask-echo",
        *("--workers", "2", "--host", "127.0.0.2"),
        variables={"WEB_CONCURRENCY": "1", "HOST": "192.0.2.1"},
    )
    assert serving(server) == [f"Serving on http://127.0.0.2:{server.port} (Ctrl-C stops)"]
    wait_until(lambda: server.output().count("Booting worker") == 2, describe=server.describe)


def test_an_ipv6_address_has_brackets(start_server: StartServer) -> None:
    if not has_ipv6():
        pytest.skip("this machine has no IPv6")
    server = start_server("flask-echo", "--host", "::1")
    assert serving(server) == [f"Serving on http://[::1]:{server.port} (Ctrl-C stops)"]


def has_ipv6() -> bool:
    with suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


def test_tls_is_served_as_https(start_server: StartServer, certificate: list[str]) -> None:
    server = start_server("flask-echo", variables={"GUNICORN_CMD_ARGS": " ".join(certificate)})
    assert serving(server) == [f"Serving on https://localhost:{server.port} (Ctrl-C stops)"]
    trusting = ssl._create_unverified_context()
    with socket.create_connection(("127.0.0.1", server.port), 10) as sock:
        trusting.wrap_socket(sock, server_hostname="localhost").close()


def test_a_taken_port_is_one_line_that_names_a_free_one(taken: int) -> None:
    ended = run_to_its_end(command("flask-echo", "--port", str(taken)))
    assert (ended.returncode, ended.stdout) == (2, "")
    told = re.fullmatch(
        rf"flask_echo: port {taken} of 127\.0\.0\.1 is taken: use another,"
        r" --port (\d+) or PORT=(\d+)\n",
        ended.stderr,
    )
    assert told, ended.stderr
    assert told[1] == told[2]
    assert int(told[1]) != taken
    socket.create_server(("127.0.0.1", int(told[1]))).close()


def test_make_run_says_that_a_port_is_taken(taken: int) -> None:
    # --assume-old: the environment that runs the tests is good enough.
    stamp = f"{sys.prefix}/run.stamp"
    made = ["make", "--no-print-directory", "run", f"VENV={sys.prefix}", "--assume-old", stamp]
    ended = run_to_its_end(made, variables={"PORT": str(taken), "MAKEFLAGS": ""})
    assert ended.returncode == 2
    assert ended.stdout == ""
    first, *rest = ended.stderr.splitlines()
    assert first.startswith(f"flask_echo: port {taken} of 127.0.0.1 is taken: use another, --port")
    assert all(line.startswith("make") for line in rest)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--port 65536", "'--port'"),
        ("--port many", "'many'"),
        ("--workers 0", "'--workers'"),
        ("--prot 1", "'--prot'"),
        ("--host 192.0.2.1", "cannot listen on 192.0.2.1:"),
        ("--host a..b", "cannot listen on a..b:"),
        ("bogus", "'bogus'"),
    ],
)
def test_a_mistake_is_one_line(words: str, told: str) -> None:
    ended = run_to_its_end(command("flask-echo", *words.split()))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("flask_echo: ")
    assert ended.stderr.count("\n") == 1
    assert told in ended.stderr


@pytest.mark.parametrize("kind", ["gunicorn", "flask-echo"])
def test_a_bad_port_in_the_environment_is_one_line(kind: str) -> None:
    ended = run_to_its_end(command(kind)[:-2], variables={"PORT": "65536"})
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.count("\n") == 1
    assert "PORT" in ended.stderr
    assert "65535" in ended.stderr


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_do_not_serve(option: str) -> None:
    ended = run_to_its_end(command("flask-echo", option))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "flask-echo" in ended.stdout
    assert "Serving on" not in ended.stdout


def test_sigusr2_starts_a_new_gunicorn_that_takes_over(
    start_server: StartServer, tmp_path: Path
) -> None:
    pidfile = tmp_path / "pid"
    server = start_server("flask-echo", variables={"GUNICORN_CMD_ARGS": f"--pid {pidfile}"})
    server.process.send_signal(signal.SIGUSR2)
    newer = Path(f"{pidfile}.2")
    wait_until(lambda: newer.exists() and len(serving(server)) == 2, describe=server.describe)
    successor = int(newer.read_text())
    try:
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(STOP_SECONDS) == 0
        raw(server).sock.close()
    finally:
        os.kill(successor, signal.SIGTERM)
        # Its parent is gone, so it cannot be waited for.
        wait_until(lambda: not listens(server.port), STOP_SECONDS)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
