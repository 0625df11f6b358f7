"""Results of the panel Diagnose on real paths, good and bad."""

import re

import pytest

from tests.support.browser import NAMED_HOST
from tests.support.diagnose import CHECKS, Panel, acceptable
from tests.support.proxy import NO_BYTE_255, NO_EXTENSIONS, SEVEN_BITS, Faults, Proxy
from tests.support.servers import Server, StartServer

pytestmark = pytest.mark.slow

# A good path


def test_all_checks_are_good_on_a_good_path(panel: Panel, server: Server) -> None:
    panel.open(f"http://{NAMED_HOST}:{server.port}")  # other tests go by the loopback address
    verdicts = panel.run_all()
    assert not set(CHECKS) - acceptable(verdicts), panel.page.text("#diagnose")
    assert "200 messages came back" in panel.text("round-trip")
    assert "Every size from 1 byte to 1 MiB came back unchanged" in panel.text("message-size")
    assert "6 connections were open at the same time." in panel.text("load-balancing")


def test_the_sizes_end_at_the_limit_of_the_server(panel: Panel, start_server: StartServer) -> None:
    server = start_server("gunicorn", MAX_MESSAGE_BYTES=5_000_000)
    panel.open(server.url)
    assert panel.run("message-size") == "good"
    assert panel.part("message-size", "figure") == "up to 5,000,000 bytes"
    assert "this page does not try more" not in panel.text("message-size")


def test_an_idle_connection_that_survives_is_good(panel: Panel) -> None:
    panel.open()
    panel.set_idle_seconds(1)
    assert panel.run("idle") == "good"
    assert "still worked after 1." in panel.text("idle")


@pytest.mark.slow
def test_server_processes_are_counted(panel: Panel, start_server: StartServer) -> None:
    ports = [start_server("gunicorn").port for _ in range(2)]
    with Proxy(*ports) as proxy:
        panel.open(proxy.url)
        assert panel.run("load-balancing") == "good"
        assert panel.part("load-balancing", "figure") == "2 processes on 1 host"
        panel.page.leave()


# A fault on the path, and the check that finds it


# Only connections with simulated faults count, so the one of the panel Talk does not.
MISLEAD_THE_SECOND = """
let count = 0;
window.WebSocket = class extends WebSocket {
  constructor(url, protocols) {
    const second = url.includes("echo?") && (count += 1) > 1;
    super(second ? url.replace("echo?", "nowhere?") : url, protocols);
  }
};
"""


@pytest.mark.parametrize(
    ("check", "faults", "verdict", "expected"),
    [
        pytest.param(
            "handshake-time",
            Faults(latency_up=0.5),
            "notable",
            "So the upgrade is slow, not the network.",
            id="a slow handshake",
        ),
        pytest.param(
            "round-trip",
            Faults(latency_down=0.3),
            "notable",
            "Most distances on earth take less than 200 ms.",
            id="a slow path",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "round-trip",
            Faults(reset="upgraded"),
            "bad",
            "without a Close frame (1006)",
            id="a reset",
        ),
        pytest.param(
            "integrity",
            Faults(spoil=NO_BYTE_255),
            "bad",
            "the byte 0xFF came back as the byte 0xFE",
            id="changed bytes",
        ),
        pytest.param(
            "integrity",
            Faults(spoil=SEVEN_BITS),
            "bad",
            "U+0080 came back as U+0042",
            id="changed text",
        ),
        pytest.param(
            "message-size",
            Faults(message_limit=100_000),
            "bad",
            "something on the path limits the size",
            id="a limit on size",
        ),
        pytest.param(
            "message-size",
            Faults(message_limit=131_072),
            "bad",
            "128 KiB is the default limit of AWS API Gateway for a message",
            id="a limit on size that is known",
        ),
        pytest.param(
            "throughput",
            Faults(bytes_per_second=300_000),
            "notable",
            "That is slow: the line is slow, or something on the path",
            id="a slow line",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "compression",
            Faults(request=NO_EXTENSIONS),
            "notable",
            "Something on the path removes the offer of compression",
            id="a stripped offer",
        ),
        pytest.param(
            "compression",
            Faults(response=NO_EXTENSIONS),
            "bad",
            "The server thinks that compression is on, and the client does not",
            id="a stripped response",
        ),
        pytest.param(
            "buffering",
            Faults(clump_seconds=0.5),
            "bad",
            "something on the path buffers messages",
            id="clumps",
        ),
        pytest.param(
            "buffering",
            Faults(clump_bytes=65536),
            "bad",
            "No message arrived",
            id="a buffer that must be full",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "close-codes",
            Faults(swallow_close=True),
            "bad",
            "The server closed with 1000 (done), and the connection was cut without it",
            id="a swallowed close",
        ),
        pytest.param(
            "close-codes",
            Faults(close_code=1001),
            "bad",
            "The server closed with 1000 (done), and 1001 (done) arrived",
            id="a changed close",
        ),
        pytest.param(
            "idle",
            Faults(idle_seconds=2),
            "bad",
            "An idle connection is cut after 2.",
            id="an idle time-out",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_check_finds_the_fault(
    panel: Panel, proxy: Proxy, check: str, faults: Faults, verdict: str, expected: str
) -> None:
    proxy.faults = faults
    panel.open(proxy.url)
    assert panel.run(check) == verdict, panel.text(check)
    assert expected in panel.text(check)
    panel.page.take_console_errors()


def test_the_size_limit_is_narrowed_down(panel: Panel, proxy: Proxy) -> None:
    proxy.faults = Faults(message_limit=100_000)
    panel.open(proxy.url)
    panel.run("message-size")
    found = re.search(
        r"The largest message that came back was ([\d,]+) (bytes|KiB)", panel.text("message-size")
    )
    assert found
    unit = {"bytes": 1, "KiB": 1024}[found[2]]
    assert 99_000 <= int(found[1].replace(",", "")) * unit <= 100_000


def test_the_size_limit_is_reported_even_if_the_next_connection_fails(
    panel: Panel, proxy: Proxy
) -> None:
    proxy.faults = Faults(message_limit=100_000)
    panel.page.run_before_load(MISLEAD_THE_SECOND)
    panel.open(proxy.url)
    assert panel.run("message-size") == "bad"
    assert "The largest message that came back was 64 KiB, and 256 KiB failed." in panel.text(
        "message-size"
    )
    panel.page.take_console_errors()


def test_a_changed_host_is_the_only_finding(panel: Panel, proxy: Proxy) -> None:
    proxy.faults = Faults(request={"Host": "another.test"})
    panel.open(proxy.url)
    assert panel.run("connection") == "good"
    assert panel.run("host") == "notable"
    for check in ("handshake-time", "integrity", "message-size", "throughput", "load-balancing"):
        assert panel.run(check) == "not run", panel.text(check)
    assert panel.sentence == "WebSockets work, with 1 remark"
    assert panel.found == "host"
    assert panel.cures("host")
    assert panel.page.text("#diagnose-skipped summary") == (
        "Skipped: the server refuses /inspect to this page (5 checks)"
    )
    panel.page.take_console_errors()


def test_a_broken_server_behind_a_load_balancer_is_found(panel: Panel, server: Server) -> None:
    with (
        Proxy(server.port, faults=Faults(reset="requested")) as broken,
        Proxy(server.port, broken.port) as balancer,
    ):
        panel.open(balancer.url)
        assert panel.run("load-balancing") == "bad"
        assert "one of several servers behind the address is down" in panel.text("load-balancing")
        panel.page.leave()
    panel.page.take_console_errors()
