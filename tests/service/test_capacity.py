"""A start with little room: the default number of seats shrinks, the user's own is refused."""

from pathlib import Path

import pytest

from tests.support.cgroups import Group, real_group
from tests.support.clients import health
from tests.support.scrapes import Scraped
from tests.support.servers import Server, StartServer, command, run_to_its_end

MIB = 2**20
GUNICORN = command("gunicorn")


def seats(start_server: StartServer, group: Group, words: list[str], **settings: object) -> int:
    server: Server = start_server("gunicorn", words=group.words(words), **settings)
    capacity = int(health(server)["capacity"])
    server.stop()  # A group must be empty to be removed.
    return capacity


def test_the_default_seats_shrink_to_the_process_limit(start_server: StartServer) -> None:
    with real_group(pids=512) as group:
        server = start_server("gunicorn", words=group.words([*GUNICORN, "--workers", "2"]))
        capacity = health(server)["capacity"]
        server.stop()
        assert 150 < capacity < 250
        (line,) = [line for line in server.output().splitlines() if "seats" in line]
        assert f"{capacity} seats for WebSockets in each worker, and not 1000: pids.max=512" in line


def test_the_default_seats_shrink_to_the_memory(start_server: StartServer) -> None:
    with real_group(memory=96 * MIB) as group:
        assert 300 < seats(start_server, group, GUNICORN) < 600


def test_seats_with_tls_take_more_memory(start_server: StartServer, certificate: list[str]) -> None:
    with real_group(memory=96 * MIB) as group:
        assert 200 < seats(start_server, group, [*GUNICORN, *certificate]) < 300


def test_with_a_spread_two_generations_of_workers_share_the_memory(
    start_server: StartServer,
) -> None:
    with real_group(memory=96 * MIB) as group:
        assert 80 < seats(start_server, group, GUNICORN, DRAIN_SPREAD_SECONDS=60) < 150
    limits = []
    for spread in (0, 60):
        server = start_server("gunicorn", METRICS="true", DRAIN_SPREAD_SECONDS=spread)
        limits.append(Scraped(server)("websocket_buffered_bytes_limit"))
    assert 0 < limits[1] < limits[0] / 2


def test_the_default_seats_fit_into_a_small_container(start_server: StartServer) -> None:
    with real_group(memory=512 * MIB) as group:
        assert seats(start_server, group, GUNICORN) == 1000


def test_seats_that_fit_are_not_touched(start_server: StartServer) -> None:
    with real_group(pids=512) as group:
        assert seats(start_server, group, GUNICORN, MAX_CONNECTIONS=300) == 300


@pytest.mark.parametrize(
    ("limits", "wanted", "words"),
    [
        ({"pids": 512}, 600, ["MAX_CONNECTIONS=600", "pids.max=512", "enough for 39"]),
        ({"memory": 96 * MIB}, 900, ["96 MiB", "enough for 409"]),
        ({"pids": 20}, None, ["MAX_CONNECTIONS=1000", "enough for 0"]),
    ],
)
def test_seats_that_do_not_fit_are_refused(
    limits: dict[str, int], wanted: int | None, words: list[str]
) -> None:
    variables = {} if wanted is None else {"FLASK_ECHO_MAX_CONNECTIONS": str(wanted)}
    with real_group(**limits) as group:
        ended = run_to_its_end(group.words(GUNICORN), variables=variables)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert all(word in line for word in words), line


def test_seats_of_an_application_s_code_must_fit_into_memory(tmp_path: Path) -> None:
    code = "from flask_echo import create_app\napp = create_app({'MAX_CONNECTIONS': 900})\n"
    (tmp_path / "own.py").write_text(code)
    words = command("gunicorn", "--pythonpath", str(tmp_path), app="own:app")
    with real_group(memory=96 * MIB) as group:
        ended = run_to_its_end(group.words(words))
    assert ended.returncode != 0
    assert "the application has 900 seats" in ended.stderr
    assert "enough for 409" in ended.stderr


def test_a_spread_of_an_application_s_code_does_not_stop_the_start(
    start_server: StartServer, tmp_path: Path
) -> None:
    """The default number of seats was chosen before the code was there."""
    code = "from flask_echo import create_app\napp = create_app({'DRAIN_SPREAD_SECONDS': 30})\n"
    (tmp_path / "own.py").write_text(code)
    words = command("gunicorn", "--pythonpath", str(tmp_path), app="own:app")
    with real_group(memory=96 * MIB) as group:
        assert 300 < seats(start_server, group, words) < 600
