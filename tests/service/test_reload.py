"""A reload (SIGHUP) with a configuration that is bad."""

import signal
import subprocess
from functools import partial
from pathlib import Path

import pytest

from tests.support.clients import connected, health
from tests.support.servers import Server, StartServer
from tests.support.waiting import wait_until

GOOD = "from flask_echo.serve_conf import *\n"


def workers_of(server: Server) -> set[str]:
    words = ["pgrep", "-P", str(server.process.pid)]
    return set(subprocess.run(words, capture_output=True, text=True).stdout.split())


def has_new_workers(server: Server, before: set[str], count: int) -> bool:
    now = workers_of(server)
    return len(now) == count and not now & before


@pytest.mark.parametrize(
    "bad",
    ["syntax error", "1 / 0", "import sys; sys.exit(2)", "timeout = 'soon'", "workers = -1"],
)
def test_a_reload_with_a_bad_configuration_keeps_the_old_one(
    start_server: StartServer, tmp_path: Path, bad: str
) -> None:
    own = tmp_path / "own.conf.py"
    own.write_text(GOOD)
    server = start_server("gunicorn", "--config", str(own))
    before = workers_of(server)
    own.write_text(f"{GOOD}{bad}\n")
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "The old one stays" in server.output(), describe=server.describe)
    wait_until(partial(has_new_workers, server, before, 1))
    with connected(server, "/echo") as client:
        client.send("still here")
        assert client.receive(timeout=10) == "still here"


def test_a_reload_after_a_bad_one_takes_the_mended_configuration(
    start_server: StartServer, tmp_path: Path
) -> None:
    own = tmp_path / "own.conf.py"
    own.write_text(GOOD)
    server = start_server("gunicorn", "--config", str(own))
    for text, count in (("syntax error", 1), ("workers = 2", 2)):
        before = workers_of(server)
        own.write_text(f"{GOOD}{text}\n")
        server.process.send_signal(signal.SIGHUP)
        wait_until(partial(has_new_workers, server, before, count))
    assert health(server)["status"] == "ok"
