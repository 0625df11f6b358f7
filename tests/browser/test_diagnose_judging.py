"""How the checks judge measurements: pure functions, called without the panel."""

from typing import Any

import pytest

from tests.support.browser import Page
from tests.support.modules import call

# Why there is no connection


WORKING = {"status": 200, "json": {"status": "ok", "seats_taken": 1, "capacity": 9}}
DRAINING = {"status": 503, "json": {"status": "draining"}}
FULL = {"status": 200, "json": {"status": "full", "seats_taken": 9, "capacity": 9}}


@pytest.mark.parametrize(
    ("evidence", "meaning"),
    [
        ({"health": {"status": None}}, "The server is not reachable at all (not just WebSockets)."),
        ({"overHttp": True}, "the server, or the network to it, is unreliable"),
        ({"health": DRAINING}, "The server is shutting down"),
        ({"health": FULL}, "The server is full: 9 of 9 connections are taken."),
        (
            {"address": {"status": None}},
            "The server is reachable, but the WebSocket address is not",
        ),
        ({"address": {"status": 404}}, "So a proxy sends this address elsewhere."),
        ({"address": {"status": 502}}, "elsewhere, or cannot reach the server."),
        ({"timedOut": True}, "the upgrade gets no response at all"),
        ({"timedOut": False}, "HTTP works here but the upgrade is refused."),
    ],
)
def test_a_failure_is_judged_by_http(page: Page, evidence: dict[str, Any], meaning: str) -> None:
    known = {"health": WORKING, "address": {"status": 426, "json": None}}
    explanation = call(page, "common/connection-failure.js", "judgeFailure", known | evidence)
    assert meaning in explanation["meaning"]
    assert explanation["advice"].endswith(".")


# Idle time-outs


@pytest.mark.parametrize(
    ("seconds", "hint", "names"),
    [
        (60.0, "", ["proxy_read_timeout", "AWS", "Apache"]),
        (60.9, "nginx/1.22.1", ["proxy_read_timeout."]),
        (55.0, "1.1 vegur", ["Heroku"]),
        (100.4, "cloudflare", ["Cloudflare"]),
        (240.2, "", ["Azure"]),
        (350.1, "", ["AWS Network Load Balancer"]),
        (17.0, "nginx", ["Not a known default"]),
    ],
)
def test_a_known_time_out_is_a_possible_cause(
    page: Page, seconds: float, hint: str, names: list[str]
) -> None:
    cause = call(page, "diagnose/checks/idle.js", "possibleCause", seconds, hint)
    assert all(name in cause for name in names), cause


@pytest.mark.parametrize(
    ("pings", "verdict", "expected"),
    [
        (20, "notable", "every 20 s (FLASK_ECHO_PING_INTERVAL_SECONDS; "),
        (90, "bad", "which is not often enough"),
        (0, "bad", "never"),
    ],
)
def test_a_time_out_that_pings_prevent_is_only_notable(
    page: Page, pings: float, verdict: str, expected: str
) -> None:
    cut = {"code": 1006, "reason": ""}
    measured = {"bound": 75, "seconds": 60.1, "cut": cut, "hint": "", "pings": pings}
    result = call(page, "diagnose/checks/idle.js", "judge", measured)
    assert result["verdict"] == verdict
    assert result["figure"] == "cut after 60.1 s"
    assert expected in result["advice"]


# Measurements that the test proxy cannot cause, or not quickly


MIB = 2**20
CUT = {"size": 65536, "kind": "ended", "code": 1009, "reason": "too big"}
SIZES = {
    "limit": 16 * MIB,
    "survived": [{"size": 65535, "milliseconds": 65.535}],
    "failure": None,
    "tooSlow": None,
    "bounds": None,
}
IDLE = {"bound": 75, "seconds": 75.2, "cut": None, "hint": "", "pings": 20}
OFFER = "permessage-deflate; client_max_window_bits"
DECLINED = {"offered": OFFER, "accepted": "", "result": ""}


def servers(*versions: str) -> list[dict[str, object]]:
    """One process for each of these versions of the service."""
    return [
        {"host": "here", "process": i, "software": {"flask-echo": version}}
        for i, version in enumerate(versions)
    ]


def pushed(*arrivals: int) -> list[dict[str, int]]:
    """Messages that were sent every 50 ms and arrived at these multiples of it."""
    return [{"sent": 50 * i, "arrived": 50 * at} for i, at in enumerate(arrivals)]


@pytest.mark.parametrize(
    ("check", "measured", "verdict", "expected"),
    [
        pytest.param(
            "handshake-time",
            {"times": [500] * 5, "http": 200},
            "notable",
            "the network path is long or slow, for WebSockets and HTTP alike",
            id="a long path",
        ),
        pytest.param(
            "handshake-time",
            {"times": [4000] * 5, "http": 200},
            "bad",
            "So the upgrade is slow, not the network.",
            id="a very slow handshake",
        ),
        pytest.param(
            "idle",
            {**IDLE, "alive": False},
            "bad",
            "often NAT or a firewall, dropped it silently",
            id="a connection that was dropped silently",
        ),
        pytest.param(
            "message-size",
            {**SIZES, "failure": {"size": 65536, "kind": "no reply"}},
            "bad",
            "A message of 64 KiB got no reply.",
            id="a size without a reply",
        ),
        pytest.param(
            "message-size",
            {**SIZES, "failure": {"size": 65536, "kind": "changed", "difference": 7}},
            "bad",
            "Byte 7 of a message of 64 KiB came back changed.",
            id="a size that is changed",
        ),
        pytest.param(
            "message-size",
            {**SIZES, "tooSlow": 16 * MIB},
            "notable",
            "At 1.0 MB/s there was no time to try 16 MiB",
            id="a size that would take too long",
        ),
        pytest.param(
            "message-size",
            {**SIZES, "failure": CUT, "bounds": {"good": 65535, "bad": 65536}},
            "bad",
            "Possible cause: 64 KiB is the default limit of Jetty and Netty.",
            id="a known limit that a message must stay below",
        ),
        pytest.param(
            "load-balancing",
            {"servers": servers("1.0.0", "1.0.0", "0.9.0"), "failed": 0},
            "notable",
            "The servers run different software (2 sets of versions).",
            id="servers of different versions",
        ),
        pytest.param(
            "compression",
            {**DECLINED, "enabled": True},
            "notable",
            "the server could not accept it",
            id="an offer that is declined",
        ),
        pytest.param(
            "compression",
            {**DECLINED, "enabled": False},
            "good",
            "which has compression turned off",
            id="compression that is off",
        ),
        pytest.param(
            "buffering",
            {"messages": pushed(*range(30), *[42] * 13, *range(43, 60))},
            "good",
            "Some were delayed for a moment",
            id="messages delayed once by a busy line",
        ),
        pytest.param(
            "buffering",
            {"messages": pushed(*[9] * 10, *[19] * 10, *[59] * 40)},
            "bad",
            "Messages arrive in clumps of up to 40",
            id="messages collected by a buffer",
        ),
        pytest.param(
            "round-trip",
            {"times": [1] * 180 + [150] * 20},
            "notable",
            "Most messages are fast, but some are delayed.",
            id="stalls",
        ),
        pytest.param(
            "round-trip",
            {"times": [1500] * 8},
            "bad",
            "That is too slow for a conversation.",
            id="a very slow path",
        ),
        pytest.param(
            "throughput",
            {"size": 65536, "arrivals": [1000, 2000]},
            "bad",
            "That is too slow for more than short messages",
            id="a very slow line",
        ),
    ],
)
def test_a_measurement_is_judged(
    page: Page, check: str, measured: dict[str, Any], verdict: str, expected: str
) -> None:
    result = call(page, f"diagnose/checks/{check}.js", "judge", measured)
    assert result["verdict"] == verdict
    assert expected in result["meaning"]
