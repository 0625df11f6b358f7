"""``/metrics`` of real servers: sums over workers, what counts, and what may not go back."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)

from tests.service.test_reload import has_new_workers, workers_of
from tests.support.clients import RawWebSocket, ask, close_frame, frame, raw, request_bytes
from tests.support.required import give_up
from tests.support.scrapes import Scraped, figures_folder, scrape_text
from tests.support.servers import WITHOUT_PROMETHEUS, Server, StartServer, command, run_to_its_end
from tests.support.waiting import wait_until
from tests.support.workers import kill_all

PLAIN = b"GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def guarded(start_server: StartServer) -> Iterator[Server]:
    """Two workers that refuse some origins. Other tests have left no figures."""
    server = start_server(
        "gunicorn", "--workers", "2", METRICS="true", ALLOWED_ORIGINS="https://example.org"
    )
    yield server
    assert "Traceback" not in server.output(), server.output()


def plain(path: str) -> bytes:
    """A request that asks for no WebSocket."""
    return PLAIN % path.encode()


def await_sample(server: Server, value: float, name: str, **labels: object) -> None:
    """Wait until a sample has a value. Figures may be half a second old."""
    wait_until(
        lambda: Scraped(server)(name, **labels) == value,
        describe=lambda: f"{name} {labels} {Scraped(server).nonzero(name)}",
    )


Values = dict[tuple[str, ...], float]


def await_increase(server: Server, name: str, before: Values, expected: Values) -> None:
    """Wait until the samples of a name have grown by these values, and no others."""

    def increase() -> Values:
        after = Scraped(server).nonzero(name)
        grown = {key: value - before.get(key, 0) for key, value in after.items()}
        return {key: value for key, value in grown.items() if value}

    wait_until(lambda: increase() == expected, describe=lambda: str(increase()))


def two_workers(start_server: StartServer) -> Server:
    """Start a server with 50 seats in each of two workers, and wait for both of them."""
    server = start_server("gunicorn", "--workers", "2", METRICS="true", MAX_CONNECTIONS=50)
    await_sample(server, 100, "websocket_seats")
    return server


def spread(stack: ExitStack, server: Server, count: int = 20) -> list[RawWebSocket]:
    """Open so many connections that each worker has some, most probably."""
    return [stack.enter_context(raw(server)) for _ in range(count)]


def exchange(clients: list[RawWebSocket], message: bytes) -> None:
    for client in clients:
        client.send(message)
        client.receive()


# -- Room ------------------------------------------------------------------------------------

# As root: /dev/shm with room for the files of one worker, and for little more.
SMALL = 'mount -t tmpfs -o size=400k tmpfs /dev/shm && exec "$@"'


def test_workers_without_room_for_figures_serve_all_the_same(stack: ExitStack) -> None:
    if os.geteuid():
        give_up("only root can mount a small /dev/shm")
    words = ["unshare", "--mount", "sh", "-c", SMALL, "sh", *command("gunicorn", "--workers", "2")]
    server = Server("gunicorn", words=words, METRICS="true")
    stack.callback(server.stop)
    server.await_output("No figures at /metrics")
    await_some_figures(server)
    exchange(spread(stack, server), frame(0x81, b"hello"))
    first = workers_of(server)
    for worker in first:
        os.kill(int(worker), signal.SIGKILL)
    wait_until(lambda: has_new_workers(server, first, 2), 20, server.describe)
    await_some_figures(server)
    exchange(spread(stack, server), frame(0x81, b"hello"))
    master = str(server.process.pid)
    make_room = ["nsenter", "--mount", "--target", master, "mount", "-o", "remount,size=2m"]
    subprocess.run([*make_room, "/dev/shm"], check=True)
    wait_until(lambda: has_figures_of_both(server), 20, server.describe)
    assert "SIGBUS" not in server.output()


def await_some_figures(server: Server) -> None:
    """Wait until the worker that has figures has shown them, and one that has none said so."""
    seen: set[int] = set()

    def both_seen() -> bool:
        answer = ask(server, plain("/metrics"))
        wanted = {200: "\nwebsocket_seats 1000.0\n", 503: "this worker cannot keep its own in"}
        assert wanted[answer.status] in answer.text
        seen.add(answer.status)
        return len(seen) == len(wanted)

    wait_until(both_seen, 20, server.describe)


def has_figures_of_both(server: Server) -> bool:
    return "\nwebsocket_seats 2000.0\n" in ask(server, plain("/metrics")).text


def test_without_their_folder_workers_show_no_figures_and_serve(
    start_server: StartServer, stack: ExitStack
) -> None:
    server = two_workers(start_server)
    shutil.rmtree(figures_folder(server))
    first = workers_of(server)
    for _ in range(10):
        assert_no_folder(server)
    for worker in first:
        os.kill(int(worker), signal.SIGKILL)
    wait_until(lambda: has_new_workers(server, first, 2), 20, server.describe)
    for _ in range(10):
        assert_no_folder(server)
    exchange(spread(stack, server), frame(0x81, b"hello"))


def assert_no_folder(server: Server) -> None:
    answer = ask(server, plain("/metrics"))
    assert answer.status == 503
    assert "somebody has removed /" in answer.text


# -- Sums ------------------------------------------------------------------------------------


def test_every_scrape_gives_the_sum_over_both_workers(
    start_server: StartServer, stack: ExitStack
) -> None:
    server = two_workers(start_server)
    clients = spread(stack, server)
    exchange(clients, frame(0x81, "é".encode()))
    exchange(clients[:7], frame(0x82, b"12345"))
    await_sample(server, 20, "websocket_seats_taken")
    for way in ("in", "out"):
        await_sample(server, 20, "websocket_messages_total", direction=way, type="text")
        await_sample(server, 7, "websocket_messages_total", direction=way, type="binary")
        await_sample(server, 2 * 20 + 5 * 7, "websocket_bytes_total", direction=way)
    for _ in range(20):  # Both workers answer some of them, most probably.
        seen = Scraped(server)
        assert not [key for key in seen.samples if "pid" in dict(key[1])]
        assert seen("websocket_connections_open") == seen("websocket_seats_taken") == 20
        assert seen("websocket_connections_opened_total") == 20
        assert seen("websocket_seats") == 100
        for way in ("in", "out"):
            assert seen("websocket_messages_total", direction=way, type="text") == 20
            assert seen("websocket_messages_total", direction=way, type="binary") == 7
            assert seen("websocket_bytes_total", direction=way) == 2 * 20 + 5 * 7
    with_workers = {path.name.rpartition("_")[2] for path in figures_folder(server).glob("c*.db")}
    assert len(with_workers) == 2


def test_no_scrape_shows_less_than_the_one_before(
    start_server: StartServer, stack: ExitStack
) -> None:
    server, highest = two_workers(start_server), 0.0
    clients = spread(stack, server, 1)
    for _ in range(10):
        exchange(clients, frame(0x81, b"hello"))
        for _ in range(3):
            now = Scraped(server)("websocket_messages_total", direction="in", type="text")
            assert now >= highest
            highest = now
    assert highest == 10


@pytest.mark.parametrize("kind", ["gunicorn", "flask"])
def test_one_process_shows_its_figures(start_server: StartServer, kind: str) -> None:
    server = start_server(kind, METRICS="true")
    with raw(server) as client:
        exchange([client], frame(0x81, b"hello"))
        await_sample(server, 1, "websocket_connections_open")
        await_sample(server, 5, "websocket_bytes_total", direction="out")
        client.send(close_frame(1000))
        client.rest()
    await_sample(server, 0, "websocket_connections_open")
    seen = Scraped(server)
    assert seen("websocket_connections_closed_total", code=1000, initiator="client") == 1
    assert seen("websocket_connection_duration_seconds_count") == 1
    assert not [name for name, _ in seen.samples if name.endswith("_created")]


# -- What counts -----------------------------------------------------------------------------


def test_each_end_counts_by_its_code_and_who_began_it(guarded: Server) -> None:
    name = "websocket_connections_closed_total"
    before = Scraped(guarded).nonzero(name)
    for sent in (close_frame(1000), close_frame(4321), close_frame(None), close_frame(1014)):
        with raw(guarded) as client:
            client.send(sent)
            client.rest()
    for path, sent in [
        ("/WS.ashx", frame(0x82, b"binary")),  # 1003
        ("/echo", frame(0x83, b"reserved")),  # 1002
        ("/echo", frame(0x82, bytes(2**20 + 1))),  # 1009
        ("/echo?close=4001", frame(0x81, b"go")),
    ]:
        with raw(guarded, path) as client:
            client.send(sent)
            while client.receive().first != 0x88:
                pass
    raw(guarded).sock.close()
    expected = [
        *(("1000", "client"), ("other", "client"), ("1005", "client"), ("1014", "client")),
        *(("1003", "server"), ("1002", "server"), ("1009", "server"), ("other", "server")),
        ("1006", "none"),
    ]
    await_increase(guarded, name, before, dict.fromkeys(expected, 1))


def test_each_error_of_a_websocket_route_counts_by_its_status(guarded: Server) -> None:
    name = "websocket_connections_refused_total"
    before = Scraped(guarded).nonzero(name)
    requests = [
        (plain("/echo"), 426),
        (plain("/WS.ashx"), 426),
        (request_bytes(changes={"Sec-WebSocket-Key": "bad"}), 400),
        (request_bytes("/echo?no-such-fault=1"), 400),
        (request_bytes(changes={"If-Range": "Sun, 06 Nov 9999999999999999 08:49:37 GMT"}), 400),
        (request_bytes(changes={"Origin": "https://example.com"}), 403),
        (request_bytes(method="POST"), 405),
        (request_bytes(changes={"Sec-WebSocket-Protocol": "a, " * 200}), 431),
        (request_bytes("/nothing-here"), 404),
        (plain("/nothing-here"), 404),  # It asks for no WebSocket.
        (plain("/healthz"), 200),
    ]
    statuses = [ask(guarded, request).status for request, _ in requests]
    expected: Values = {("426",): 2, ("400",): 3}
    expected |= {(status,): 1 for status in ("403", "404", "405", "431")}
    await_increase(guarded, name, before, expected)
    assert statuses == [status for _, status in requests]


def test_no_client_can_add_a_series(guarded: Server) -> None:
    before = set(Scraped(guarded).samples)
    for index in range(20):
        hostile = f'/echo?"{index}}}\\n{{'.encode().hex()
        ask(guarded, request_bytes(f"/{hostile}", {"User-Agent": hostile, "Origin": hostile}))
        ask(guarded, request_bytes(f"/echo?{hostile}=1"))
        with raw(guarded) as client:
            client.send(close_frame(3000 + index, hostile))
            client.rest()
    await_sample(guarded, 0, "websocket_connections_open")
    assert set(Scraped(guarded).samples) == before
    assert len(before) < 100


def test_a_full_house_and_long_polls_are_shown(start_server: StartServer, stack: ExitStack) -> None:
    server = start_server("gunicorn", METRICS="true", MAX_CONNECTIONS=2)
    stack.enter_context(raw(server))
    poll = stack.enter_context(raw(server))
    poll.send(close_frame())
    poll.rest()
    await_sample(server, 1, "websocket_seats_taken")
    slow = plain("/events?stream=quiet&mean=300&wait=60").replace(b"close", b"keep-alive")
    client = stack.enter_context(raw(server, "/healthz", {"Upgrade": None}, status=200))
    client.send(slow)
    await_sample(server, 2, "websocket_seats_taken")
    assert ask(server, request_bytes()).status == 503
    await_sample(server, 1, "websocket_connections_refused_total", status=503)
    seen = Scraped(server)
    assert seen("websocket_connections_open") == 1
    assert seen("websocket_seats") == seen("websocket_seats_taken") == 2


def test_a_drain_is_shown_until_its_end(start_server: StartServer, stack: ExitStack) -> None:
    server = start_server("gunicorn", METRICS="true", CLOSE_TIMEOUT_SECONDS=20)
    client = stack.enter_context(raw(server))
    assert Scraped(server)("websocket_draining") == 0
    server.process.send_signal(signal.SIGTERM)
    assert client.receive().close_code == 1001
    await_sample(server, 1, "websocket_draining")
    # Only what it still needs.
    await_sample(server, 1, "websocket_seats")
    await_sample(server, 0, "websocket_buffered_bytes_limit")
    assert ask(server, request_bytes()).status == 503
    await_sample(server, 1, "websocket_connections_refused_total", status=503)
    client.send(close_frame(1001))
    client.rest()
    client.sock.close()
    assert server.process.wait(20) == 0


def test_a_drain_shows_free_seats_in_a_reload_and_none_when_the_whole_server_stops(
    start_server: StartServer, stack: ExitStack
) -> None:
    """deploy/alerts.yml tells the two apart by this."""
    server = start_server("gunicorn", METRICS="true", MAX_CONNECTIONS=3, DRAIN_SPREAD_SECONDS=3600)
    for _ in range(3):
        stack.enter_context(raw(server))
    await_sample(server, 3, "websocket_seats_taken")
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: drained_with(server, free=3), describe=server.describe)
    stack.enter_context(raw(server))
    wait_until(lambda: drained_with(server, free=2), describe=server.describe)
    server.process.send_signal(signal.SIGTERM)
    wait_until(lambda: drained_with(server, free=0), describe=server.describe)
    assert ask(server, request_bytes()).status == 503
    assert server.stop(signal.SIGQUIT) == 0


def drained_with(server: Server, free: int) -> bool:
    """Return whether a worker drains, and so many seats are free."""
    seen = Scraped(server)
    taken, seats = seen("websocket_seats_taken"), seen("websocket_seats")
    return seen("websocket_draining") == 1 and seats - taken == free


def test_memory_for_messages_is_shown(start_server: StartServer, stack: ExitStack) -> None:
    limit = {"MAX_BUFFERED_BYTES": 3_000_000}
    server = start_server("gunicorn", "--workers", "2", METRICS="true", **limit)
    await_sample(server, 6_000_000, "websocket_buffered_bytes_limit")
    client = stack.enter_context(raw(server))
    client.send(frame(0x82, bytes(500_000))[:-1])
    wait_until(lambda: Scraped(server)("websocket_buffered_bytes") > 400_000)
    assert Scraped(server)("websocket_messages_total", direction="in", type="binary") == 0
    client.sock.close()
    await_sample(server, 0, "websocket_buffered_bytes")
    assert Scraped(server)("websocket_bytes_total", direction="in") == 0


# -- Workers come and go ---------------------------------------------------------------------


def has_no_less(server: Server, before: Scraped) -> bool:
    now = Scraped(server).counters()
    return all(now[key] >= value for key, value in before.counters().items())


def test_a_killed_worker_takes_its_gauges_and_leaves_its_counters(
    start_server: StartServer, stack: ExitStack
) -> None:
    server = two_workers(start_server)
    clients = spread(stack, server)
    exchange(clients, frame(0x81, b"hello"))
    await_sample(server, 20, "websocket_messages_total", direction="out", type="text")
    before = Scraped(server)
    workers = workers_of(server)
    victim = min(workers)
    os.kill(int(victim), signal.SIGKILL)
    wait_until(partial(has_replaced, server, victim), describe=server.describe)
    cut = sum(client_is_cut(client) for client in clients)
    await_sample(server, 20 - cut, "websocket_connections_open")
    for _ in range(20):
        assert has_no_less(server, before)
        assert Scraped(server)("websocket_connections_opened_total") == 20
    await_sample(server, 100, "websocket_seats")


def has_replaced(server: Server, victim: str) -> bool:
    workers = workers_of(server)
    return victim not in workers and len(workers) == 2


def client_is_cut(client: RawWebSocket) -> bool:
    client.send(frame(0x89, b"there?"))
    try:
        return client.sock.recv(100) == b""
    except ConnectionError:
        return True


@pytest.mark.slow
def test_counters_never_go_back_while_workers_are_killed_and_reloaded(
    start_server: StartServer, stack: ExitStack
) -> None:
    server = two_workers(start_server)
    opened = 0
    for index in range(8):
        before, workers = Scraped(server), workers_of(server)
        with ExitStack() as clients:
            exchange(spread(clients, server, 6), frame(0x81, b"hello"))
            opened += 6
            await_sample(server, opened, "websocket_connections_opened_total")
            await_sample(server, opened, "websocket_messages_total", direction="in", type="text")
            if index % 2:
                os.kill(int(min(workers)), signal.SIGKILL)
                gone = partial(has_replaced, server, min(workers))
            else:
                server.process.send_signal(signal.SIGHUP)
                gone = partial(has_new_workers, server, workers, 2)
            wait_until(gone, 30, server.describe)
            assert has_no_less(server, before)
        await_sample(server, 0, "websocket_connections_open")
    await_sample(server, 48, "websocket_messages_total", direction="in", type="text")
    # Four files of each worker, and two of the archive.
    assert len(list(figures_folder(server).rglob("*.db"))) <= 4 * 2 + 2


# -- The setting, the formats and the folder -------------------------------------------------


def test_without_the_setting_there_is_nothing(server: Server) -> None:
    nothing, other = ask(server, plain("/metrics")), ask(server, plain("/metrixx"))
    assert nothing.status == other.status == 404
    assert nothing.text.replace("/metrics", "/metrixx") == other.text


def test_without_the_setting_the_package_is_not_needed(start_server: StartServer) -> None:
    server = start_server("gunicorn", variables={"PYTHONPATH": str(WITHOUT_PROMETHEUS)})
    with raw(server) as client:
        exchange([client], frame(0x81, b"hello"))


def test_without_the_package_the_setting_stops_the_start_with_one_line() -> None:
    for kind in ("gunicorn", "flask-echo"):
        ended = run_to_its_end(
            command(kind), METRICS="true", variables={"PYTHONPATH": str(WITHOUT_PROMETHEUS)}
        )
        assert ended.returncode == 2
        assert ended.stderr.count("\n") == 1
        assert "pip install 'flask-echo[metrics]'" in ended.stderr


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/html", "text/plain; version=0.0.4; charset=utf-8"),
        ("application/openmetrics-text; version=x", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores",
        ),
    ],
)
def test_prometheus_chooses_the_format(start_server: StartServer, accept: str, kind: str) -> None:
    content_type, text = scrape_text(start_server("gunicorn", METRICS="true"), accept)
    assert content_type == kind
    if "openmetrics" in kind:
        families = {family.name: family.type for family in openmetrics_families(text)}  # type: ignore[no-untyped-call]
        assert families["websocket_messages"] == "counter"
        assert families["websocket_connection_duration_seconds"] == "histogram"


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL])
def test_the_folder_goes_with_the_master(start_server: StartServer, sign: signal.Signals) -> None:
    server = start_server("gunicorn", "--workers", "2", METRICS="true")
    Scraped(server)
    folder = figures_folder(server)
    assert folder.stat().st_mode & 0o777 == 0o700
    server.process.send_signal(sign)
    server.process.wait(20)
    # It has another name while it is removed.
    wait_until(lambda: not list(folder.parent.glob(f"{folder.name}*")), 20)


def test_the_folder_of_a_killed_service_goes_with_the_next_start(start_server: StartServer) -> None:
    killed = start_server("gunicorn", "--workers", "2", METRICS="true")
    folder = figures_folder(killed)
    # The start of another test may remove it as well: it looks into the same /dev/shm.
    assert folder.exists()
    kill_all(killed)
    start_server("gunicorn", METRICS="true")
    wait_until(lambda: not folder.exists())


TELLING = """
from flask_echo import serve_conf
from flask_echo.metrics.folder import shared_folder
from flask_echo.serve_conf import *


def on_starting(server):
    serve_conf.on_starting(server)
    print("folder:", shared_folder(), flush=True)
"""


def test_a_start_that_fails_leaves_no_folder(tmp_path: Path) -> None:
    own = tmp_path / "own.conf.py"
    own.write_text(TELLING)
    words = command("gunicorn", "--config", str(own), app="no_such_module:app")
    ended = run_to_its_end(words, METRICS="true")
    assert ended.returncode
    folder = Path(re.search(r"folder: (\S+)", ended.stdout)[1])  # type: ignore[index]
    assert "flask-echo-metrics-" in folder.name
    assert not folder.exists()


@pytest.mark.slow
def test_a_new_master_has_a_folder_of_its_own(start_server: StartServer, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    arguments = {"GUNICORN_CMD_ARGS": f"--pid {pid}"}
    server = start_server("flask-echo", METRICS="true", variables=arguments)
    await_sample(server, 1000, "websocket_seats")
    folder = figures_folder(server)
    server.process.send_signal(signal.SIGUSR2)
    newer = Path(f"{pid}.2")
    wait_until(lambda: newer.exists() and server.output().count("Serving on") == 2, 20)
    successor = int(newer.read_text())
    try:
        assert folder.exists()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) == 0
        assert not folder.exists()
        await_sample(server, 1000, "websocket_seats")
    finally:
        os.kill(successor, signal.SIGTERM)
        wait_until(lambda: not Path(f"/proc/{successor}").exists(), 20)
