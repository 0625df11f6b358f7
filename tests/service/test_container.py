"""The image of deploy/Dockerfile: built, and run with a read-only root and the limits of a cgroup.

Building takes two minutes. The last tests put Caddy in front, as deploy/compose.yaml does.
"""

import json
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from secrets import token_hex
from threading import Thread
from typing import Any
from urllib.request import urlopen

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support import composed
from tests.support.clients import TIMEOUT, ask, close_frame, connected, frame, health, raw
from tests.support.compose import service, size
from tests.support.containers import (
    EXTRAS,
    PINS,
    PORT,
    Container,
    Image,
    built,
    requirements,
    running,
)
from tests.support.network import own_network
from tests.support.servers import ROOT
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

MIB = 2**20
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"

# As each worker calculates it.
BUDGET = (
    "from flask_echo import create_app\n"
    "from flask_echo.websocket.extension import install\n"
    "print(install(create_app()).budget.size)"
)
WRITABLE = (
    "import os\n"
    "for folder, folders, files in os.walk('/'):\n"
    "    if folder == '/': folders.remove('proc')\n"
    "    if os.access(folder, os.W_OK): print(folder)"
)
PACKAGES = (
    "import importlib.metadata as metadata, json\n"
    "print(json.dumps({found.name: found.version for found in metadata.distributions()}))"
)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    with built(tmp_path_factory.mktemp("image")) as image:
        yield image


Start = Callable[..., Container]


@pytest.fixture
def start(image: Image, tmp_path: Path) -> Iterator[Start]:
    """Start containers with the limits of deploy/compose.yaml, one at a time, in one network."""
    ours = service("flask-echo")
    limits = {"memory": size(ours["mem_limit"]), "pids": ours["pids_limit"]}
    with ExitStack() as stack:
        stack.enter_context(own_network())

        def start(*arguments: str, **options: Any) -> Container:
            options = {**limits, **options}
            return stack.enter_context(running(image, tmp_path, *arguments, **options))

        yield start


def output(container: Container, *words: str) -> str:
    """Return what a command in the container prints."""
    ended = container.run(*words)
    assert ended.returncode == 0, ended
    return ended.stdout


def test_the_page_the_conversation_and_a_trace_work(start: Start) -> None:
    container = start()
    # Not on 127.0.0.1 alone: this is another address of the same interface.
    with urlopen(f"http://127.0.0.2:{PORT}/", timeout=TIMEOUT) as page:
        assert "WebSockets demo" in page.read().decode()
    trace = token_hex(16)
    with connected(container, f"/WS.ashx?trace={trace}") as client:
        assert client.receive(timeout=TIMEOUT) == '"hello from server"'
        client.send("x")
        assert client.receive(timeout=TIMEOUT) == '"x back"'
    with urlopen(f"{container.url}/traces/{trace}", timeout=TIMEOUT) as kept:
        assert json.load(kept)["attempts"]


def test_it_is_not_root_and_may_write_only_to_tmp(start: Start) -> None:
    container = start()
    assert output(container, "id", "-u").strip() == "10001"
    folders = output(container, "python3", "-c", WRITABLE).splitlines()
    assert folders[0] == "/tmp"
    assert all(folder.startswith("/tmp") for folder in folders), folders


def test_the_service_is_process_1_and_reaps_orphans(start: Start) -> None:
    container = start("--workers", "2")
    assert "gunicorn" in output(container, "cat", "/proc/1/cmdline")
    orphan = output(container, "sh", "-c", "sleep 0.1 >/dev/null 2>&1 & echo $!").strip()
    wait_until(lambda: container.run("test", "-e", f"/proc/{orphan}").returncode)


def test_the_packages_are_the_tested_ones_and_no_more(start: Start) -> None:
    found = json.loads(output(start(), "python3", "-c", PACKAGES))
    installed = {canonicalize_name(name): version for name, version in found.items()}
    del installed[canonicalize_name("flask-echo")]
    pins = "\n".join((ROOT / name).read_text() for name in PINS)
    tested = re.findall(r"^([\w.-]+)==([^\s;]+)", pins, re.MULTILINE)
    assert set(installed.items()) <= {(canonicalize_name(name), pin) for name, pin in tested}
    wanted = {canonicalize_name(Requirement(line).name) for line in requirements(*EXTRAS)}
    assert wanted <= installed.keys()
    assert not {"pip", "pytest", "hatchling"} & installed.keys()


def test_nothing_of_the_build_is_left_in_the_image(image: Image) -> None:
    assert not [name for name in ("source", "pip", "root/.cache") if (image.root / name).exists()]


def test_the_health_check_needs_no_curl_and_fails_without_the_service(start: Start) -> None:
    container = start()
    checked = container.run(*container.health_check)
    assert (checked.returncode, checked.stdout) == (0, "status 200\n")
    failed = container.run("env", "PORT=1", *container.health_check)
    assert failed.returncode == 1
    assert failed.stdout.startswith("no response: ")
    assert failed.stderr == ""


def test_sigterm_drains_and_the_health_check_holds_meanwhile(start: Start) -> None:
    container = start()
    with raw(container) as client:
        container.process.send_signal(signal.SIGTERM)
        assert client.receive().close_code == 1001
        assert ask(container, HEALTH).status == 503
        assert container.run(*container.health_check).returncode == 0
        client.send(close_frame(1001))
        assert client.rest() == b""
    assert container.stop() == 0


@pytest.mark.parametrize("sees_all_groups", [False, True])
@pytest.mark.parametrize(
    ("limits", "seats", "reason"),
    [
        ({"memory": 96 * MIB}, 409, "there are 96 MiB"),
        ({"memory": 72 * MIB}, 204, "there are 72 MiB"),
        ({"pids": 512}, 395, "pids.max=512"),
        ({"pids": 256}, 190, "pids.max=256"),
    ],
)
def test_seats_follow_the_limits(
    start: Start, limits: dict[str, int], seats: int, reason: str, sees_all_groups: bool
) -> None:
    container = start(**limits, sees_all_groups=sees_all_groups)
    assert health(container)["capacity"] == seats
    container.await_output(f"{seats} seats for WebSockets in each worker, and not 1000: {reason}")


def test_the_limits_of_compose_leave_all_seats(start: Start) -> None:
    container = start()
    assert health(container)["capacity"] == 1000
    assert "seats for WebSockets" not in container.output()


def test_memory_for_messages_follows_the_limit(start: Start) -> None:
    budgets = []
    for memory in (512 * MIB, 768 * MIB):
        container = start(memory=memory)
        budgets.append(int(output(container, "python3", "-c", BUDGET)))
        container.stop()
    less, more = budgets
    assert more - less == 128 * MIB  # Messages get half of what is left.


@pytest.fixture
def with_caddy(start: Start, tmp_path: Path) -> Iterator[Start]:
    """Caddy runs, and the containers get the settings of deploy/compose.yaml."""
    variables = service("flask-echo")["environment"]
    settings = {name.removeprefix("FLASK_ECHO_"): value for name, value in variables.items()}
    with composed.caddy(tmp_path):
        yield partial(start, **settings)


def test_behind_caddy_requests_wait_for_the_service(with_caddy: Start) -> None:
    answers: list[tuple[int, bytes]] = []
    visitor = Thread(target=lambda: answers.append(composed.get("/")))
    visitor.start()  # A new thread is in the network of this one.
    with_caddy()
    visitor.join(TIMEOUT)
    ((status, page),) = answers
    assert status == 200
    assert b"WebSockets demo" in page


def test_behind_caddy_the_conversation_works_and_ends_with_1001(with_caddy: Start) -> None:
    container = with_caddy()
    with composed.web_socket("/echo") as client:
        client.send(frame(0x81, b"hello"))
        assert client.receive().payload == b"hello"
        container.process.send_signal(signal.SIGTERM)
        assert client.receive().close_code == 1001
        client.send(close_frame(1001))
        client.rest()
    assert container.stop() == 0


def test_behind_caddy_no_client_writes_the_headers_of_a_proxy(with_caddy: Start) -> None:
    with_caddy(TRUSTED_HEADERS="for,proto,prefix")
    forged = {
        "X-Forwarded-For": "192.0.2.1",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Prefix": "/forged",
        "Forwarded": "for=192.0.2.1",
    }
    with composed.web_socket("/inspect", **forged) as client:
        report = client.receive().payload.decode()
    assert '"127.0.0.1"' in report
    assert "https" in report
    assert "192.0.2.1" not in report
    assert "forged" not in report


METRICS = (
    "/metrics", "//metrics", "/%6detrics", "/x/../metrics", "/x/%2e%2e/metrics", "/metrics/",
    "/METRICS", "/metrics?a",
)  # fmt: skip


def test_behind_caddy_the_metrics_are_not_reachable(with_caddy: Start) -> None:
    # Caddy itself refuses: no service runs, and for other paths Caddy would wait for it.
    assert [composed.get(path)[0] for path in METRICS] == [404] * len(METRICS)
