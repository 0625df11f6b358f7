"""LOG_FORMAT=json: every line of a real server is one JSON object, whatever a client sends."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import ask, close_frame, frame, raw
from tests.support.json_lines import MODEL, OWN_PREFIX, conventions, parse, parse_all
from tests.support.pipes import Pipe, open_pipe
from tests.support.servers import ROOT, Server, StartServer, command, environment
from tests.support.waiting import wait_until

ACCESS = ("--access-logfile", "-")
HOST_APP = {"app": "tests.support.apps:talkative()", "health": "/"}
HOST_WORDS = (
    *("--config", "python:flask_echo.gunicorn_conf"),
    *("--logger-class", "flask_echo.gunicorn_log.JsonLogger"),
)
TRACE = "0123456789abcdef" * 2

# What a client may try in a header, and in a path. gunicorn refuses control characters in headers.
EVIL = '", "flask_echo.forged": 1, "\\\t\x85\xff\xa0\xad'
EVIL_SHOWN = '", "flask_echo.forged": 1, "\\\\t\\x85\xff\\xa0\\xad'
EVIL_PATH = "/%0A%0D%00%22,%22flask_echo.forged%22:1,%5C%1B%7F%E2%80%A8%FF%ED%A0%80%F0%9F%98%80"


def page(path: str, **headers: str) -> bytes:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{lines}\r\n"
    return head.encode("utf-8", "surrogatepass")


def converse(server: Server, path: str = f"/echo?trace={TRACE}", **headers: str) -> None:
    """Send one message, get it back, and close with 4001."""
    with raw(server, path, headers) as client:
        client.send(frame(0x81, b"hello"))
        assert client.receive().payload == b"hello"
        client.send(close_frame(4001, "bye\u2028\n"))
        client.receive()
        assert client.rest() == b""


def ends(server: Server, count: int = 1) -> list[dict[str, Any]]:
    """Wait for the lines of so many ended connections."""

    def found() -> list[dict[str, Any]]:
        # The last line may not be whole yet.
        lines = [parse(line) for line in server.output().split("\n")[:-1]]
        name = "flask_echo.connection.closed"
        return [line for line in lines if line.get("event_name") == name]

    wait_until(lambda: len(found()) >= count, describe=server.describe)
    return found()


@pytest.fixture(params=["gunicorn", "flask"])
def server(request: pytest.FixtureRequest, start_server: StartServer) -> Server:
    return start_server(request.param, LOG_FORMAT="json")


# -- The line of a connection ----------------------------------------------------------------


def test_the_line_of_a_connection_tells_all_of_it(server: Server) -> None:
    converse(server)
    (line,) = ends(server)
    assert line.pop("timestamp").endswith("Z")
    assert line.pop("body").startswith("/echo from 127.0.0.1 port ")
    assert line.pop("client.port") == line.pop("network.peer.port") > 0
    assert line.pop("process.pid") > 0
    assert 0 < line.pop("flask_echo.duration_seconds") < 60
    assert line == {
        "severity_text": "INFO",
        "severity_number": 9,
        "event_name": "flask_echo.connection.closed",
        "trace_id": TRACE,
        "client.address": "127.0.0.1",
        "network.peer.address": "127.0.0.1",
        "url.path": "/echo",
        "http.response.status_code": 101,
        "flask_echo.close.code": 4001,
        "flask_echo.close.reason": "bye\\u2028\\n",
        "flask_echo.close.initiator": "client",
        "flask_echo.in.messages": 1,
        "flask_echo.in.bytes": 5,
        "flask_echo.out.messages": 1,
        "flask_echo.out.bytes": 5,
        "otel.scope.name": "flask_echo.websocket.serving",
    }


def test_the_initiator_is_who_sent_the_first_close_frame(start_server: StartServer) -> None:
    server = start_server("gunicorn", LOG_FORMAT="json")
    with raw(server, "/WS.ashx") as client:
        client.receive()
        client.send(frame(0x82, b"binary"))
        assert client.receive().close_code == 1003
        client.send(close_frame(1003))
        client.rest()
    with raw(server):
        pass
    seen = [(e["flask_echo.close.initiator"], e["flask_echo.close.code"]) for e in ends(server, 2)]
    assert sorted(seen) == [("none", 1006), ("server", 1003)]


def test_a_trusted_proxy_names_the_client_and_stays_the_peer(start_server: StartServer) -> None:
    server = start_server("gunicorn", LOG_FORMAT="json", TRUSTED_PROXIES=1)
    converse(server, **{"X-Forwarded-For": "192.0.2.7"})
    (line,) = ends(server)
    assert line["client.address"] == "192.0.2.7"
    assert "client.port" not in line
    assert line["network.peer.address"] == "127.0.0.1"


def test_each_name_is_one_of_opentelemetry_or_has_our_prefix(start_server: StartServer) -> None:
    server = start_server("gunicorn", *ACCESS, *HOST_WORDS, **HOST_APP)
    with raw(server, "/ws", {"User-Agent": "agent"}) as client:
        client.send(close_frame(1000, "bye"))
        client.rest()
    assert ask(server, page("/write?q=1", User_Agent="agent")).status == 200
    server.stop()
    names = {name for line in parse_all(server.output()) for name in line}
    assert {"exception.type", "exception.stacktrace", "url.query", "log.iostream"} <= names
    known = conventions()
    for name in names - MODEL:
        assert name.startswith(OWN_PREFIX) or name in known, name


# -- Every line ------------------------------------------------------------------------------


def test_every_line_is_json_from_start_to_stop(start_server: StartServer) -> None:
    server = start_server("gunicorn", *ACCESS, "--workers", "2", LOG_FORMAT="json")
    converse(server)
    ends(server)
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: server.output().count("Booting worker") == 4, 20, server.describe)
    assert server.stop() == 0
    lines = parse_all(server.output())
    bodies = "\n".join(line["body"] for line in lines)
    for part in ("Starting gunicorn", "Serving on", "Hang up: Master", "Shutting down: Master"):
        assert part in bodies
    requests = [line for line in lines if line.get("event_name") == "flask_echo.request"]
    upgrade = next(line for line in requests if line["url.path"] == "/echo")
    assert upgrade["http.response.status_code"] == 101
    assert upgrade["url.query"] == f"trace={TRACE}"
    assert upgrade["network.protocol.version"] == "1.1"


def test_flask_run_writes_json(start_server: StartServer) -> None:
    server = start_server("flask", LOG_FORMAT="json")
    assert ask(server, page("/nothing%0Ahere")).status == 404
    server.await_output("nothing")
    assert server.stop(signal.SIGINT) in (0, 1, -signal.SIGINT)
    lines = parse_all(server.output())
    (request,) = [line for line in lines if "nothing" in line["body"]]
    assert request["otel.scope.name"] == "werkzeug"
    assert "\x1b" not in "".join(line["body"] for line in lines)


def test_every_way_to_write_makes_a_line(start_server: StartServer) -> None:
    server = start_server(
        "gunicorn", *HOST_WORDS, variables={"PYTHONWARNINGS": "default"}, **HOST_APP
    )
    assert ask(server, page("/write")).text == "written"
    assert ask(server, page("/warn")).text == "warned"
    assert ask(server, page("/fail?text=one%0Atwo")).status == 500
    server.stop()
    lines = parse_all(server.output())
    assert len([line for line in lines if line["body"] == "x" * 1000]) == 3
    bodies = {line["body"] for line in lines}
    assert {"bytes", "a line of Flask", "a line that no handler takes"} <= bodies
    scopes = {line.get("otel.scope.name") for line in lines}
    assert {"py.warnings", "gunicorn.error", "tests.support.apps"} <= scopes
    (failed,) = [line for line in lines if line.get("exception.type") == "ValueError"]
    assert failed["exception.message"] == "one\ntwo"
    assert failed["severity_text"] == "ERROR"


def test_files_of_logs_are_json_also_after_they_were_reopened(
    start_server: StartServer, tmp_path: Path
) -> None:
    error, access = tmp_path / "error.log", tmp_path / "access.log"
    server = start_server(
        *("gunicorn", "--access-logfile", str(access), "--error-logfile", str(error)),
        LOG_FORMAT="json",
    )
    converse(server)
    wait_until(lambda: "connection.closed" in error.read_text())
    for file in (error, access):
        file.rename(file.with_suffix(".old"))
    server.process.send_signal(signal.SIGUSR1)
    wait_until(lambda: access.exists() and error.exists())

    def arrived() -> bool:
        converse(server)
        return "connection.closed" in error.read_text() and "/echo" in access.read_text()

    wait_until(arrived)
    assert server.stop() == 0
    for file in (error, access):
        assert parse_all(file.read_text())
        assert parse_all(file.with_suffix(".old").read_text())


def test_a_refused_start_is_one_line_of_text() -> None:
    """Nothing collects the log of a server that does not run. The reader is a person."""
    words = command("flask-echo", "--port", "0")
    env = environment(LOG_FORMAT="json", MAX_CONNECTIONS="lots")
    ended = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert ended.stderr.startswith("flask_echo: FLASK_ECHO_MAX_CONNECTIONS='lots' is not allowed")
    assert ended.stderr.count("\n") == 1


# -- Hostile clients -------------------------------------------------------------------------


def test_no_client_can_forge_a_line_or_a_field(start_server: StartServer) -> None:
    server = start_server("gunicorn", *ACCESS, LOG_FORMAT="json", TRUSTED_PROXIES=1)
    for agent in (EVIL, EVIL + "\x1b[2J\x7f"):
        for path in (EVIL_PATH, f"/echo?{EVIL_PATH[1:]}"):
            ask(server, page(path, User_Agent=agent, X_Forwarded_For=agent))
    converse(server, **{"User-Agent": EVIL, "X-Forwarded-For": EVIL})
    (end,) = ends(server)
    assert end["user_agent.original"] == EVIL_SHOWN
    assert end["client.address"] == end["user_agent.original"]
    server.stop()
    lines = parse_all(server.output())
    assert not [line for line in lines if "flask_echo.forged" in line]
    paths = {line.get("url.path") for line in lines}
    assert (
        '/\n\r\0","flask_echo.forged":1,\\\x1b\x7f\u2028\ufffd\ufffd\ufffd\ufffd\U0001f600' in paths
    )


@pytest.mark.parametrize("evil", ["x", "%00", "%F0%9F%98%80"])
def test_a_huge_request_makes_a_line_of_one_piece(start_server: StartServer, evil: str) -> None:
    server = start_server("gunicorn", *ACCESS, LOG_FORMAT="json", TRUSTED_PROXIES=1)
    half = 2000 // len(evil)
    path = f"/{evil * half}?{evil * half}"
    big = "\xe9" * 4000
    ask(server, page(path, User_Agent=big, X_Forwarded_For=big, Referer=big))
    converse(server, **{"User-Agent": big, "X-Forwarded-For": big})
    ends(server)
    server.stop()
    lines = server.output().splitlines()
    assert max(map(len, lines)) < 4096
    assert [line for line in lines if "characters cut" in line]


# -- A log that nobody reads -----------------------------------------------------------------


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    with open_pipe() as pipe:
        yield pipe


@pytest.mark.slow
def test_dropped_lines_are_told_in_json(start_server: StartServer, pipe: Pipe) -> None:
    arguments = (*ACCESS, "--access-logformat", "%(q)s", *HOST_WORDS)
    server = start_server(
        "gunicorn", *arguments, app="tests.support.apps:plain()", health="/", stdout=pipe.writer
    )
    pipe.read(b"\n")  # of the test's own look at the health
    request = page("/?x", User_Agent="x" * 300).replace(b"close", b"keep-alive")
    with socket.create_connection(("127.0.0.1", server.port), 20) as client:
        for _ in range(2500):  # More than the queue takes.
            client.sendall(request)
            answer = b""
            while not answer.endswith(b"a page"):
                answer += client.recv(65536)
    seen, dropped, rest = 0, 0, b""
    while seen < 2500:
        *whole, rest = (rest + os.read(pipe.reader, 65536)).split(b"\n")
        lines = [parse(line.decode()) for line in whole]
        counts = [line.get("flask_echo.dropped_lines", 0) for line in lines]
        dropped += sum(counts)
        seen += sum(count or 1 for count in counts)
    assert (seen, rest) == (2500, b"")
    assert 0 < dropped < 2500
