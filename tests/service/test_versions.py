"""Two versions side by side behind one load balancer, as during an upgrade."""

import json
import re
import shutil
import socket
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

import flask_echo
from tests.support.clients import TIMEOUT, RawWebSocket, close_frame, frame
from tests.support.package import ASSETS, PACKAGE
from tests.support.products.haproxy import HAPROXY
from tests.support.products.product import running
from tests.support.redis import Redis, running_redis
from tests.support.servers import ROOT, Server, StartServer
from tests.support.waiting import wait_until

NEWER = "9.9.9"
_VERSION = re.compile(r"^__version__ = .+$", re.MULTILINE)
_PATIENCE = re.compile(r"^REDIS_SECONDS = .+$", re.MULTILINE)
_FORMAT = re.compile(r"^FORMAT = (\d+)$", re.MULTILINE)

Start = Callable[[Path], Server]


def change(file: Path, pattern: re.Pattern[str], line: str) -> None:
    text, count = pattern.subn(line, file.read_text())
    assert count == 1
    file.write_text(text)


def copy_of_service(place: Path) -> Path:
    """Copy the service. The copy waits for Redis as long as a busy machine may need it."""
    shutil.copytree(PACKAGE, place / "flask_echo", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("templates", "static"):
        shutil.copytree(ASSETS / name, place / name)
    for name in ("wsgi.py", "gunicorn.conf.py"):
        shutil.copy(ROOT / name, place)
    change(place / "flask_echo/traces/store.py", _PATIENCE, "REDIS_SECONDS = 8.0")
    return place


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A folder with the service."""
    return copy_of_service(tmp_path / "older")


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """A folder with another version of the service."""
    place = copy_of_service(tmp_path / "newer")
    change(place / "flask_echo/__init__.py", _VERSION, f'__version__ = "{NEWER}"')
    return place


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """What both versions share."""
    with running_redis(tmp_path) as redis:
        yield redis


@pytest.fixture
def start(start_server: StartServer, redis: Redis) -> Start:
    """Start the version in a folder."""

    def start(place: Path) -> Server:
        server: Server = start_server("gunicorn", cwd=place, TRACES=redis.url)
        wait_until(lambda: read(server.port, "/traces")["status"] == "on")
        return server

    return start


@pytest.fixture
def both(start: Start, older: Path, newer: Path) -> tuple[Server, Server]:
    """Both versions, the older one first."""
    return start(older), start(newer)


@pytest.fixture
def balancer(both: tuple[Server, Server]) -> Iterator[int]:
    """The port of a HAProxy that gives each version every other connection."""
    ports = [f"127.0.0.1:{server.port}" for server in both]
    lines = HAPROXY.faults["two-servers"]
    with running(HAPROXY, lines, backend=ports[0], second=ports[1]) as proxy:
        yield proxy.port


def get(port: int, path: str) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text


def read(port: int, path: str) -> dict[str, Any]:
    status, text = get(port, path)
    assert status in (200, 404), text
    answer: dict[str, Any] = json.loads(text)
    return answer


def converse(port: int, trace: str) -> None:
    """Hold the conversation of the page, and close."""
    sock = socket.create_connection(("127.0.0.1", port), TIMEOUT)
    with RawWebSocket(sock, f"/WS.ashx?trace={trace}") as client:
        assert client.receive().payload == b'"hello from server"'
        client.send(frame(0x81, b"x"))
        assert client.receive().payload == b'"x back"'
        client.send(close_frame(1000))
        assert client.receive().close_code == 1000


def closed(port: int, trace: str) -> list[dict[str, Any]]:
    """The attempts of a trace, as soon as the last one has ended."""

    def attempts() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = read(port, f"/traces/{trace}")["attempts"]
        return found if found and found[-1]["outcome"] == "closed" else []

    wait_until(attempts)
    return attempts()


def test_the_page_of_either_version_shows_it(balancer: int) -> None:
    pages = [get(balancer, "/") for _ in range(4)]
    assert {status for status, _ in pages} == {200}
    for version in (flask_echo.__version__, NEWER):
        assert [version in text for _, text in pages].count(True) == 2


def test_conversations_go_on_and_either_version_reads_the_traces_of_both(
    both: tuple[Server, Server], balancer: int
) -> None:
    served = set()
    for _ in range(4):
        trace = token_hex(16)
        converse(balancer, trace)
        (attempt,) = closed(balancer, trace)
        served.add(attempt["server"]["process"])
        assert attempt["messages"] == {"received": 1, "sent": 2}
        for server in both:
            assert closed(server.port, trace) == [attempt]
    assert len(served) == 2, "each version has served some"


def test_a_format_of_the_future_is_no_error(start: Start, older: Path, newer: Path) -> None:
    change(newer / "flask_echo/traces/store.py", _FORMAT, "FORMAT = 99")
    old, new = start(older), start(newer)
    for writer, reader in ((old, new), (new, old)):
        trace = token_hex(16)
        converse(writer.port, trace)
        closed(writer.port, trace)
        status, text = get(reader.port, f"/traces/{trace}")
        answer = json.loads(text)
        assert (status, answer["status"], answer["attempts"]) == (404, "off", [])
        assert "another version of flask-echo" in answer["reason"]
        assert read(reader.port, "/traces")["status"] == "on"
        converse(reader.port, token_hex(16))
    for server in (old, new):
        assert "Traces of WebSockets are off" not in server.output()
