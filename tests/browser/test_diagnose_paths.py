"""What the panel Diagnose finds on real paths, good and bad."""

import re

import pytest

from tests.support.browser import NAMED_HOST
from tests.support.diagnose import CHECKS, Panel, acceptable
from tests.support.proxy import NO_BYTE_255, NO_EXTENSIONS, SEVEN_BITS, Faults, Proxy
from tests.support.servers import Server, StartServer

# Nothing in the way


def test_everything_is_good_where_nothing_is_in_the_way(panel: Panel, server: Server) -> None:
    panel.open(f"http://{NAMED_HOST}:{server.port}")  # other tests go by the loopback address
    verdicts = panel.run_all()
    assert not set(CHECKS) - acceptable(verdicts), panel.page.text("#diagnose")
    assert "200 messages went there and back" in panel.text("round-trip")
    assert "Every size from 1 byte to 16 MiB came back byte for byte" in panel.text("message-size")
    assert "All 20 connections reached the same process" in panel.text("load-balancing")


def test_a_silent_connection_that_nobody_cuts_is_good(panel: Panel) -> None:
    panel.open()
    panel.set_idle_seconds(1)
    assert panel.run("idle") == "good"
    assert "still answered" in panel.text("idle")


def test_processes_are_told_apart(panel: Panel, start_server: StartServer) -> None:
    ports = [start_server("gunicorn").port for _ in range(2)]
    with Proxy(*ports) as proxy:
        panel.open(proxy.url)
        assert panel.run("load-balancing") == "good"
        assert panel.part("load-balancing", "figure") == "2 processes on 1 host"


# A fault, and the check that finds it


# Of those that name what is to be rehearsed, so that the panel Talk does not count.
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
    ("check", "faults", "verdict", "words"),
    [
        pytest.param(
            "handshake-time",
            Faults(latency_up=0.5),
            "notable",
            "not the distance is slow, but what handles the upgrade",
            id="a slow handshake",
        ),
        pytest.param(
            "round-trip",
            Faults(latency_down=0.3),
            "notable",
            "That is slow, even for a long distance.",
            id="a slow way",
        ),
        pytest.param(
            "round-trip",
            Faults(reset="upgraded"),
            "bad",
            "without a close frame (1006)",
            id="a reset",
        ),
        pytest.param(
            "integrity",
            Faults(spoil=NO_BYTE_255),
            "bad",
            "the byte 0xFF came back as the byte 0xFE",
            id="spoilt bytes",
        ),
        pytest.param(
            "integrity",
            Faults(spoil=SEVEN_BITS),
            "bad",
            "text: U+0080 came back as U+0042",
            id="spoilt text",
        ),
        pytest.param(
            "message-size",
            Faults(message_limit=100_000),
            "bad",
            "something in between limits the size of a message",
            id="a limit on size",
        ),
        pytest.param(
            "message-size",
            Faults(message_limit=131_072),
            "bad",
            "128 KiB is the default limit of a message at AWS API Gateway",
            id="a limit on size that is known",
        ),
        pytest.param(
            "throughput",
            Faults(bytes_per_second=300_000),
            "notable",
            "That is slow: either the line is narrow, or something in between",
            id="a narrow line",
        ),
        pytest.param(
            "compression",
            Faults(request=NO_EXTENSIONS),
            "notable",
            "the offer was stripped on the way",
            id="a stripped offer",
        ),
        pytest.param(
            "compression",
            Faults(response=NO_EXTENSIONS),
            "bad",
            "The server believes in compression and this browser does not",
            id="a stripped answer",
        ),
        pytest.param(
            "buffering",
            Faults(clump_seconds=0.5),
            "bad",
            "something in between buffers messages",
            id="clumps",
        ),
        pytest.param(
            "buffering",
            Faults(clump_bytes=65536),
            "bad",
            "No tick came",
            id="a buffer that must be full",
        ),
        pytest.param(
            "close-codes",
            Faults(swallow_close=True),
            "bad",
            "The server closed with 1000 (done), but 1006 arrived",
            id="a swallowed close",
        ),
        pytest.param(
            "close-codes",
            Faults(close_code=1001),
            "bad",
            "The server closed with 1000 (done), but 1001 (done) arrived",
            id="a changed close",
        ),
        pytest.param(
            "idle",
            Faults(idle_seconds=2),
            "bad",
            "The silent connection was cut after 2.",
            id="no patience",
        ),
    ],
)
def test_the_check_names_the_fault(
    panel: Panel, proxy: Proxy, check: str, faults: Faults, verdict: str, words: str
) -> None:
    proxy.faults = faults
    panel.open(proxy.url)
    assert panel.run(check) == verdict, panel.text(check)
    assert words in panel.text(check)
    panel.page.take_console_errors()


def test_the_limit_on_size_is_narrowed_down(panel: Panel, proxy: Proxy) -> None:
    proxy.faults = Faults(message_limit=100_000)
    panel.open(proxy.url)
    panel.run("message-size")
    found = re.search(
        r"The largest that survived has ([\d,]+) (bytes|KiB)", panel.text("message-size")
    )
    assert found
    unit = {"bytes": 1, "KiB": 1024}[found[2]]
    assert 99_000 <= int(found[1].replace(",", "")) * unit <= 100_000


def test_a_limit_on_size_is_told_where_the_next_connection_fails(
    panel: Panel, proxy: Proxy
) -> None:
    proxy.faults = Faults(message_limit=100_000)
    panel.page.run_before_load(MISLEAD_THE_SECOND)
    panel.open(proxy.url)
    assert panel.run("message-size") == "bad"
    assert "The largest that survived has 64 KiB." in panel.text("message-size")
    panel.page.take_console_errors()


def test_one_of_two_servers_that_takes_no_websockets_is_noticed(
    panel: Panel, server: Server
) -> None:
    with (
        Proxy(server.port, faults=Faults(reset="requested")) as broken,
        Proxy(server.port, broken.port) as balancer,
    ):
        panel.open(balancer.url)
        assert panel.run("load-balancing") == "bad"
        assert "So one of several servers is down" in panel.text("load-balancing")
    panel.page.take_console_errors()
