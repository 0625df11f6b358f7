"""How the checks judge measurements: pure functions, called without the panel."""

from typing import Any

import pytest

from tests.support.browser import Page
from tests.support.modules import call

pytestmark = pytest.mark.slow

# Idle time-outs


@pytest.mark.parametrize(
    ("seconds", "names"),
    [
        (60.0, ["proxy_read_timeout", "AWS", "Apache"]),
        (55.0, ["Heroku"]),
        (100.4, ["Cloudflare"]),
        (240.2, ["Azure"]),
        (350.1, ["AWS Network Load Balancer"]),
    ],
)
def test_a_known_time_out_is_a_possible_cause(page: Page, seconds: float, names: list[str]) -> None:
    cause = call(page, "diagnose/checks/idle.js", "possibleCause", seconds)
    assert all(name in cause for name in names), cause


def test_an_unknown_time_out_has_no_possible_cause(page: Page) -> None:
    assert call(page, "diagnose/checks/idle.js", "possibleCause", 17.0) == ""


# Measurements that the test proxy cannot cause, or not quickly


MIB = 2**20
CUT = {"size": 65536, "kind": "ended", "code": 1009, "reason": "too big"}
SIZES = {
    "limit": 16 * MIB,
    "survived": [{"size": 65535, "milliseconds": 65.535}],
    "failure": None,
    "tooSlow": None,
    "bounds": None,
    "repeated": False,
}
IDLE = {
    "waited": 75.2,
    "alive": False,
    "ages": [None, None],
    "apart": None,
    "again": None,
    "close": None,
    "attempt": None,
}


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
            "handshake-time",
            {"times": [8, 9, 5000, 8, 9], "http": 2},
            "notable",
            "one took 5.0 s: something on the path holds some of them",
            id="one handshake that stalls",
        ),
        pytest.param(
            "idle",
            IDLE,
            "bad",
            "often NAT or a firewall, dropped it silently",
            id="a connection that was dropped silently",
        ),
        pytest.param(
            "message-size",
            {**SIZES, "failure": {"size": 65536, "kind": "no reply"}, "repeated": True},
            "bad",
            "64 KiB failed. The server accepts up to 16 MiB",
            id="a size without a reply",
        ),
        pytest.param(
            "message-size",
            {**SIZES, "failure": {"size": 65536, "kind": "changed", "difference": 7}},
            "bad",
            "A message of 64 KiB came back changed. That is no limit on the size",
            id="a size that is changed",
        ),
        pytest.param(
            "message-size",
            {**SIZES, "tooSlow": 16 * MIB},
            "notable",
            "The connection is too slow to try more.",
            id="a size that would take too long",
        ),
        pytest.param(
            "message-size",
            {
                **SIZES,
                "failure": CUT,
                "bounds": {"good": 65535, "bad": 65536},
                "repeated": True,
            },
            "bad",
            "Possible cause: 64 KiB is the default limit of Jetty and Netty.",
            id="a known limit that a message must stay below",
        ),
        pytest.param(
            "load-balancing",
            {
                "servers": servers("1.0.0", "1.0.0", "0.9.0"),
                "held": 6,
                "failed": 0,
                "why": {},
                "unanswered": 0,
            },
            "notable",
            "run different software",
            id="servers of different versions",
        ),
        pytest.param(
            "buffering",
            {"messages": pushed(*range(30), *[42] * 13, *range(43, 60))},
            "good",
            "Some came late, as on a busy line.",
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
            "buffering",
            {
                "messages": pushed(*[9] * 10, *[19] * 10, *[59] * 40),
                "own": [50 * early for count in (10, 10, 40) for early in reversed(range(count))],
            },
            "unknown",
            "This browser was busy",
            id="messages collected by a busy browser",
        ),
        pytest.param(
            "round-trip",
            {"times": [1] * 180 + [150] * 20},
            "notable",
            "some messages wait",
            id="stalls",
        ),
        pytest.param(
            "round-trip",
            {"times": [1500] * 8},
            "bad",
            "The median round-trip time is 1.5 s.",
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
