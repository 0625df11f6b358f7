"""How checks judge what was measured: pure functions, called without the panel."""

from typing import Any

import pytest

from tests.support.browser import Page
from tests.support.modules import call

# Why there is no connection


WORKING = {"status": 200, "json": {"draining": False, "seats_taken": 1, "capacity": 9}}


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        ({"plain": True, "address": {"status": 426}}, "the network to it, comes and goes"),
        ({"silent": True, "address": {"status": 426}}, "gets no answer at all"),
        ({"silent": False, "address": {"status": None}}, "not at the address of the WebSocket"),
        ({"silent": False, "address": {"status": 404}}, "a proxy sends this address elsewhere"),
        ({"silent": False, "address": {"status": 502}}, "or cannot reach the server"),
        (
            {"silent": False, "address": {"status": 503}, "health": {"json": {"draining": True}}},
            "shutting down",
        ),
    ],
)
def test_what_http_says_tells_what_is_wrong(
    page: Page, evidence: dict[str, Any], words: str
) -> None:
    culprit = call(
        page, "common/connection-failure.js", "judgeFailure", {"health": WORKING, **evidence}
    )
    assert words in culprit["meaning"]
    assert culprit["advice"].endswith(".")


# Guesses


@pytest.mark.parametrize(
    ("seconds", "hint", "names"),
    [
        (60.0, "", ["proxy_read_timeout", "AWS", "Apache"]),
        (60.9, "nginx/1.22.1", ["proxy_read_timeout."]),
        (55.0, "1.1 vegur", ["Heroku"]),
        (100.4, "cloudflare", ["Cloudflare"]),
        (240.2, "", ["Azure"]),
        (350.1, "", ["AWS Network Load Balancer"]),
        (17.0, "nginx", ["No default that this page knows"]),
    ],
)
def test_a_known_time_out_is_guessed(
    page: Page, seconds: float, hint: str, names: list[str]
) -> None:
    guess = call(page, "diagnose/checks/idle.js", "guess", seconds, hint)
    assert all(name in guess for name in names), guess


@pytest.mark.parametrize(
    ("pings", "verdict", "words"),
    [
        (20, "notable", "every 20 s (FLASK_ECHO_PING_INTERVAL_SECONDS; "),
        (90, "bad", "which is not often enough"),
        (0, "bad", "never"),
    ],
)
def test_a_time_out_that_pings_prevent_is_not_called_bad(
    page: Page, pings: float, verdict: str, words: str
) -> None:
    cut = {"code": 1006, "reason": ""}
    measured = {"bound": 75, "seconds": 60.1, "cut": cut, "hint": "", "pings": pings}
    result = call(page, "diagnose/checks/idle.js", "judge", measured)
    assert result["verdict"] == verdict
    assert result["figure"] == "cut after 60.1 s"
    assert words in result["advice"]


# Verdicts that no fault of the proxy brings about, or none that is quick


MIB = 2**20
CUT = {"size": 65536, "kind": "ended", "code": 1009, "reason": "too big"}
SIZES = {
    "limit": 16 * MIB,
    "survived": [{"size": 65535, "milliseconds": 65.535}],
    "failure": None,
    "tooSlow": None,
    "bounds": None,
}
SILENCE = {"bound": 75, "seconds": 75.2, "cut": None, "hint": "", "pings": 20}
OFFER = "permessage-deflate; client_max_window_bits"
NOT_TAKEN = {"offered": OFFER, "answered": "", "agreed": ""}


def servers(*versions: str) -> list[dict[str, object]]:
    """One process for each of these versions of the service."""
    return [
        {"host": "here", "process": i, "software": {"flask-echo": version}}
        for i, version in enumerate(versions)
    ]


def ticks(*arrivals: int) -> list[dict[str, int]]:
    """Ticks that were sent every 50 ms and arrived at these multiples of it."""
    return [{"sent": 50 * i, "arrived": 50 * at} for i, at in enumerate(arrivals)]


@pytest.mark.parametrize(
    ("check", "measured", "verdict", "words"),
    [
        pytest.param(
            "handshake-time",
            {"times": [500] * 5, "http": 200},
            "notable",
            "the way is long or slow, for WebSockets and for HTTP alike",
            id="a long way",
        ),
        pytest.param(
            "handshake-time",
            {"times": [4000] * 5, "http": 200},
            "bad",
            "what handles the upgrade",
            id="a very slow handshake",
        ),
        pytest.param(
            "idle",
            {**SILENCE, "alive": False},
            "bad",
            "often NAT or a firewall, forgot it without a word",
            id="a connection lost in silence",
        ),
        pytest.param(
            "message-size",
            {**SIZES, "failure": {"size": 65536, "kind": "silent"}},
            "bad",
            "Of a message of 64 KiB nothing came back.",
            id="a size that is swallowed",
        ),
        pytest.param(
            "message-size",
            {**SIZES, "failure": {"size": 65536, "kind": "changed", "difference": 7}},
            "bad",
            "Of a message of 64 KiB, byte 7 came back changed.",
            id="a size that is changed",
        ),
        pytest.param(
            "message-size",
            {**SIZES, "tooSlow": 16 * MIB},
            "notable",
            "at 1.0 MB/s there was no time to try 16 MiB",
            id="a size that would take too long",
        ),
        pytest.param(
            "message-size",
            {**SIZES, "failure": CUT, "bounds": {"good": 65535, "bad": 65536}},
            "bad",
            "A guess: 64 KiB is the default limit of Jetty and Netty.",
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
            {**NOT_TAKEN, "enabled": True},
            "notable",
            "the server could not take it",
            id="an offer that is declined",
        ),
        pytest.param(
            "compression",
            {**NOT_TAKEN, "enabled": False},
            "good",
            "the server is set not to compress",
            id="compression that is off",
        ),
        pytest.param(
            "buffering",
            {"ticks": ticks(*range(30), *[42] * 13, *range(43, 60))},
            "good",
            "For a moment some were held up",
            id="ticks that a busy line held up once",
        ),
        pytest.param(
            "buffering",
            {"ticks": ticks(*[9] * 10, *[19] * 10, *[59] * 40)},
            "bad",
            "Ticks arrive in clumps of up to 40",
            id="ticks that a buffer collects",
        ),
        pytest.param(
            "round-trip",
            {"times": [1] * 180 + [150] * 20},
            "notable",
            "Most are quick, but some are held up.",
            id="stalls",
        ),
        pytest.param(
            "round-trip",
            {"times": [1500] * 8},
            "bad",
            "That is too slow for a conversation.",
            id="a very slow way",
        ),
        pytest.param(
            "throughput",
            {"size": 65536, "arrivals": [1000, 2000]},
            "bad",
            "That is too slow for more than short messages",
            id="a very narrow line",
        ),
    ],
)
def test_what_was_measured_is_judged(
    page: Page, check: str, measured: dict[str, Any], verdict: str, words: str
) -> None:
    result = call(page, f"diagnose/checks/{check}.js", "judge", measured)
    assert result["verdict"] == verdict
    assert words in result["meaning"]
