"""What the Diagnose panel finds in a real browser, on good paths and on bad ones."""

import json
import re
from typing import Any

import pytest

from flask_echo.websocket.refusal import PASS_UPGRADES_ON
from tests.support.browser import KEEP_SOCKETS, NAMED_HOST, TIMED_CHECKS, Page
from tests.support.proxy import HOP_BY_HOP, NO_BYTE_255, NO_EXTENSIONS, SEVEN_BITS, Faults, Proxy
from tests.support.servers import Server, StartServer
from tests.support.waiting import wait_until

SECONDS = 60  # for any check
CHECKS = [
    "opening", "round-trip", "integrity", "sizes", "throughput", "compression", "buffering",
    "closing", "spread",
]  # fmt: skip
UNDONE = ("not run yet", "running")

# What is copied and saved, kept for the test.
CATCH_COPIES = """
Object.defineProperty(navigator, "clipboard", {
  value: { writeText: async (text) => { window.copied = text; } },
});
URL.createObjectURL = (blob) => { window.saved = blob; return "#diagnose"; };
"""


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

NEVER_OPEN = """
window.WebSocket = class extends EventTarget { static OPEN = 1; readyState = 0; close() {} };
"""

# Nor does a time-out call a request off.
NEVER_ANSWER = """
window.setTimeout = () => 0;
window.fetch = (path, { signal }) => new Promise((resolve, reject) => {
  window.asked = path;
  signal.addEventListener("abort", () => reject(signal.reason));
});
"""


# A check that waits on a connection on which nothing is ever said.
RUN_ENDLESS = """
const [done] = arguments;
const load = (module) => import(new URL(`static/js/${module}`, location));
(async () => {
  const { withClient } = await load("common/client.js");
  const { runCheck } = await load("diagnose/runner.js");
  const run = ({ signal }) => withClient("echo?mute", { signal }, (client) => %s);
  done(await runCheck({ limit: 0.5, run }, new AbortController().signal, () => {}));
})();
"""


class Panel:
    """The panel as a test uses it; a check is named by its id."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def open(self, url: str | None = None) -> None:
        self.page.open("/#diagnose", url=url)

    def part(self, check: str, name: str) -> str:
        return self.page.text(f"#check-{check} .{name}").lower()

    def press(self, check: str) -> None:
        self.page.run(f"document.querySelector('#check-{check} .run').click()")

    def wait_for(self, check: str) -> None:
        def describe() -> str:
            return f"{check} did not end: {self.page.text('#diagnose')}"

        wait_until(lambda: self.part(check, "verdict") not in UNDONE, SECONDS, describe)

    def run(self, check: str) -> str:
        """Run a check and return its verdict."""
        self.press(check)
        self.wait_for(check)
        return self.part(check, "verdict")

    def run_all(self) -> dict[str, str]:
        """Run all checks, and return their verdicts."""
        self.page.click("diagnose-run")
        for check in CHECKS:
            self.wait_for(check)
        return {check: self.part(check, "verdict") for check in CHECKS}

    def text(self, check: str) -> str:
        """All that a check says, its figures too."""
        self.page.run(f"document.querySelector('#check-{check} .details').open = true")
        return self.page.text(f"#check-{check}")

    def saved(self) -> Any:
        """The file that was saved last; see CATCH_COPIES."""
        return json.loads(self.page.run_async("saved.text().then(arguments[0])"))

    def be_patient_for(self, seconds: float) -> None:
        """Let the idle check wait this long."""
        self.page.run(
            "const choice = document.getElementById('diagnose-bound');"
            "choice.append(new Option('', arguments[0]));"
            "choice.value = arguments[0]",
            seconds,
        )

    def call(self, module: str, function: str, *arguments: object) -> Any:
        """Call a function of a module of the panel, without the panel: that is quick."""
        self.page.open("/healthz")
        result, error = self.page.run_async(
            "const [module, name, list, done] = arguments;"
            "import(new URL(`static/js/diagnose/${module}`, location))"
            ".then((found) => done([found[name](...list), null]))"
            ".catch((error) => done([null, String(error)]))",
            module,
            function,
            list(arguments),
        )
        assert error is None, error
        return result


@pytest.fixture
def panel(page: Page) -> Panel:
    """The panel in a new tab."""
    page.run_before_load(CATCH_COPIES)
    return Panel(page)


def allowed(verdicts: dict[str, str]) -> set[str]:
    """The checks whose verdict may stand where nothing is in the way: how quick things are
    depends on the machine too."""
    return {
        check
        for check, verdict in verdicts.items()
        if verdict == "good" or (check in TIMED_CHECKS and verdict == "notable")
    }


# Nothing in the way


def test_everything_is_good_where_nothing_is_in_the_way(panel: Panel, server: Server) -> None:
    panel.open(f"http://{NAMED_HOST}:{server.port}")  # other tests go by the loopback address
    verdicts = panel.run_all()
    assert not set(CHECKS) - allowed(verdicts), panel.page.text("#diagnose")
    assert "200 messages went there and back" in panel.text("round-trip")
    assert "Every size from 1 byte to 16 MiB came back byte for byte" in panel.text("sizes")
    assert "All 20 connections reached the same process" in panel.text("spread")


def test_a_silent_connection_that_nobody_cuts_is_good(panel: Panel) -> None:
    panel.open()
    panel.be_patient_for(1)
    assert panel.run("idle") == "good"
    assert "still answered" in panel.text("idle")


def test_processes_are_told_apart(panel: Panel, start_server: StartServer) -> None:
    ports = [start_server("gunicorn").port for _ in range(2)]
    with Proxy(*ports) as proxy:
        panel.open(proxy.url)
        assert panel.run("spread") == "good"
        assert panel.part("spread", "figure") == "2 processes on 1 host"


# A fault, and the check that finds it


@pytest.mark.parametrize(
    ("check", "faults", "verdict", "words"),
    [
        pytest.param(
            "opening",
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
            "sizes",
            Faults(message_limit=100_000),
            "bad",
            "something in between limits the size of a message",
            id="a limit on size",
        ),
        pytest.param(
            "sizes",
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
            "closing",
            Faults(swallow_close=True),
            "bad",
            "The server closed with 1000 (done), but 1006 arrived",
            id="a swallowed close",
        ),
        pytest.param(
            "closing",
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
    panel.run("sizes")
    found = re.search(r"The largest that survived has ([\d,]+) (bytes|KiB)", panel.text("sizes"))
    assert found
    unit = {"bytes": 1, "KiB": 1024}[found[2]]
    assert 99_000 <= int(found[1].replace(",", "")) * unit <= 100_000


def test_a_limit_on_size_is_told_where_the_next_connection_fails(
    panel: Panel, proxy: Proxy
) -> None:
    proxy.faults = Faults(message_limit=100_000)
    panel.page.run_before_load(MISLEAD_THE_SECOND)
    panel.open(proxy.url)
    assert panel.run("sizes") == "bad"
    assert "The largest that survived has 64 KiB." in panel.text("sizes")
    panel.page.take_console_errors()


def test_one_of_two_servers_that_takes_no_websockets_is_noticed(
    panel: Panel, server: Server
) -> None:
    with (
        Proxy(server.port, faults=Faults(reset="requested")) as broken,
        Proxy(server.port, broken.port) as balancer,
    ):
        panel.open(balancer.url)
        assert panel.run("spread") == "bad"
        assert "So one of several servers is down" in panel.text("spread")
    panel.page.take_console_errors()


# No connection at all


def test_without_a_connection_the_likely_culprit_is_named_and_the_rest_not_run(
    panel: Panel, proxy: Proxy
) -> None:
    proxy.faults = Faults(request=HOP_BY_HOP)
    panel.open(proxy.url)
    verdicts = panel.run_all()
    assert verdicts == {"opening": "bad", **dict.fromkeys(CHECKS[1:], "not run")}
    assert "a proxy in between drops the headers Upgrade and Connection" in panel.text("opening")
    for product, cure in PASS_UPGRADES_ON.items():
        assert f"{product}: {cure}" in panel.text("opening")
    assert "There was no connection to try this on." in panel.text("spread")
    panel.page.click("diagnose-save")
    saved = panel.saved()
    assert saved["checks"][0].keys() == {"id", "title", "verdict", "figure", "meaning", "advice"}
    panel.page.take_console_errors()


def test_an_upgrade_that_is_held_back_is_given_up_and_told_from_a_refused_one(
    panel: Panel, proxy: Proxy
) -> None:
    proxy.faults = Faults(latency_up=14)
    panel.page.run_before_load(KEEP_SOCKETS)
    panel.open(proxy.url)
    assert panel.run("opening") == "bad"
    assert "the upgrade to a WebSocket gets no answer at all" in panel.text("opening")
    (opened,) = panel.page.run(
        "return sockets.filter(({ url }) => url.endsWith('inspect'))"
        ".map(({ readyState }) => readyState)"
    )
    assert opened in (2, 3)  # closing or closed
    panel.open()  # before the proxy ends, with a connection of the panel Talk still held back
    panel.page.take_console_errors()


def test_a_server_that_is_gone_is_no_matter_of_websockets(
    panel: Panel, start_server: StartServer
) -> None:
    server = start_server("gunicorn")
    panel.open(server.url)
    server.stop()
    for check in ("opening", "idle"):  # of which the second begins with plain HTTP
        assert panel.run(check) == "bad"
        assert "the server is down, or the network to it is" in panel.text(check)
    panel.page.take_console_errors()


def test_a_full_server_is_called_full(panel: Panel, start_server: StartServer) -> None:
    server = start_server("gunicorn", MAX_CONNECTIONS=1)
    panel.open(server.url)  # the Talk panel takes the only seat
    panel.page.wait_until(
        lambda: panel.page.run("return document.querySelector('#messages').textContent"), "a hello"
    )
    assert panel.run("opening") == "bad"
    assert "The server is full: 1 of 1 connections are taken." in panel.text("opening")
    panel.page.take_console_errors()


def test_a_page_from_an_origin_that_is_not_allowed_is_told_from_a_bad_proxy(
    panel: Panel, start_server: StartServer
) -> None:
    server = start_server("gunicorn", ALLOWED_ORIGINS="https://a.test, https://b.test")
    panel.open(server.url)
    assert panel.run("opening") == "bad"
    told = panel.text("opening")
    assert f"refuses WebSockets from pages of {server.url}: it takes those of https://a." in told
    assert f"add {server.url} to FLASK_ECHO_ALLOWED_ORIGINS" in told
    panel.page.take_console_errors()


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
    panel: Panel, evidence: dict[str, Any], words: str
) -> None:
    culprit = panel.call("../common/connection-failure.js", "judgeFailure", {"health": WORKING, **evidence})
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
    panel: Panel, seconds: float, hint: str, names: list[str]
) -> None:
    guess = panel.call("checks/idle.js", "guess", seconds, hint)
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
    panel: Panel, pings: float, verdict: str, words: str
) -> None:
    cut = {"code": 1006, "reason": ""}
    measured = {"bound": 75, "seconds": 60.1, "cut": cut, "hint": "", "pings": pings}
    result = panel.call("checks/idle.js", "judge", measured)
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
            "opening",
            {"times": [500] * 5, "http": 200},
            "notable",
            "the way is long or slow, for WebSockets and for HTTP alike",
            id="a long way",
        ),
        pytest.param(
            "opening",
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
            "sizes",
            {**SIZES, "failure": {"size": 65536, "kind": "silent"}},
            "bad",
            "Of a message of 64 KiB nothing came back.",
            id="a size that is swallowed",
        ),
        pytest.param(
            "sizes",
            {**SIZES, "failure": {"size": 65536, "kind": "changed", "difference": 7}},
            "bad",
            "Of a message of 64 KiB, byte 7 came back changed.",
            id="a size that is changed",
        ),
        pytest.param(
            "sizes",
            {**SIZES, "tooSlow": 16 * MIB},
            "notable",
            "at 1.0 MB/s there was no time to try 16 MiB",
            id="a size that would take too long",
        ),
        pytest.param(
            "sizes",
            {**SIZES, "failure": CUT, "bounds": {"good": 65535, "bad": 65536}},
            "bad",
            "A guess: 64 KiB is the default limit of Jetty and Netty.",
            id="a known limit that a message must stay below",
        ),
        pytest.param(
            "spread",
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
    panel: Panel, check: str, measured: dict[str, Any], verdict: str, words: str
) -> None:
    result = panel.call(f"checks/{check}.js", "judge", measured)
    assert result["verdict"] == verdict
    assert words in result["meaning"]


@pytest.mark.parametrize(
    ("endless", "figure", "words"),
    [
        ("client.next(0.1)", "no answer", "a message did not come within 0.1 s"),
        ("client.ended()", "out of time", "not done after 0.5 s and was given up"),
    ],
)
def test_a_check_that_does_not_end_is_ended(
    panel: Panel, endless: str, figure: str, words: str
) -> None:
    panel.page.open("/healthz")
    result = panel.page.run_async(RUN_ENDLESS % endless)
    assert (result["verdict"], result["figure"]) == ("bad", figure)
    assert words in result["meaning"]


# Using it


def test_a_check_that_fails_does_not_stop_the_others(panel: Panel, proxy: Proxy) -> None:
    proxy.faults = Faults(close_code=1001)
    panel.open(proxy.url)
    verdicts = panel.run_all()
    assert verdicts["closing"] == "bad"
    assert set(CHECKS) - allowed(verdicts) == {"closing"}, panel.page.text("#diagnose")
    assert panel.page.text("#diagnose-status").startswith("1 bad, ")


def test_a_check_is_named_before_it_reports_anything(panel: Panel) -> None:
    panel.page.run_before_load(NEVER_OPEN)
    panel.open()
    panel.page.run("document.querySelector('#diagnose-progress').value = 1")  # of an earlier run
    panel.press("compression")
    assert panel.page.text("#diagnose-status") == "Compression …"
    assert panel.page.run("return document.querySelector('#diagnose-progress').value") < 1
    panel.press("compression")
    panel.wait_for("compression")
    panel.page.take_console_errors()


def test_a_single_check_can_be_run_again(panel: Panel, proxy: Proxy) -> None:
    proxy.faults = Faults(close_code=1001)
    panel.open(proxy.url)
    assert panel.run("closing") == "bad"
    proxy.faults = Faults()
    panel.press("closing")
    wait_until(lambda: panel.part("closing", "verdict") == "good", SECONDS)


def test_a_long_check_shows_the_time_and_can_be_cancelled(panel: Panel) -> None:
    panel.open()
    panel.press("idle")
    wait_until(lambda: "1 s of silence" in panel.part("idle", "figure"), SECONDS)
    panel.press("idle")
    panel.wait_for("idle")
    assert panel.part("idle", "verdict") == "cancelled"


def test_a_search_for_the_culprit_can_be_cancelled(panel: Panel, proxy: Proxy) -> None:
    proxy.faults = Faults(reset="requested")
    panel.open(proxy.url)
    panel.page.run(NEVER_ANSWER)
    panel.press("round-trip")
    panel.page.wait_until(lambda: panel.page.run("return window.asked"), "a question")
    panel.press("round-trip")
    panel.wait_for("round-trip")
    assert panel.part("round-trip", "verdict") == "cancelled"
    panel.page.take_console_errors()


def test_a_run_of_all_can_be_cancelled(panel: Panel) -> None:
    panel.open()
    panel.page.click("diagnose-run")
    wait_until(lambda: panel.part("throughput", "verdict") == "running", SECONDS)
    assert panel.page.element("diagnose-progress").is_displayed()
    panel.page.click("diagnose-run")
    panel.wait_for("spread")
    assert panel.part("opening", "verdict") == "good"
    assert panel.part("throughput", "verdict") == "cancelled"
    assert panel.part("spread", "verdict") == "not run"
    assert not panel.page.element("diagnose-progress").is_displayed()


def test_the_result_can_be_copied_and_saved(panel: Panel, proxy: Proxy) -> None:
    proxy.faults = Faults(close_code=1001)
    panel.open(proxy.url)
    assert not panel.page.is_enabled("diagnose-copy")
    for check in ("opening", "closing"):
        panel.run(check)

    panel.page.click("diagnose-copy")
    wait_until(lambda: panel.page.text("#diagnose-copied") == "Copied.")
    copied = panel.page.run("return copied")
    assert copied.startswith(f"## WebSocket diagnosis of {proxy.url}/\n")
    assert "| Close codes | ❌ bad | 1001 for 1000 |" in copied
    assert "**Close codes**: The server closed with 1000 (done)" in copied
    assert "- Server: process " in copied

    panel.press("spread")
    assert panel.page.text("#diagnose-copied") == ""
    panel.wait_for("spread")

    panel.page.click("diagnose-save")
    saved = panel.saved()
    assert [check["id"] for check in saved["checks"]] == ["opening", "closing", "spread"]
    assert saved["checks"][1]["data"]["closes"][0]["arrived"] == {"code": 1001, "reason": "done"}


def test_while_a_check_runs_no_other_can_be_started(panel: Panel) -> None:
    panel.open()
    panel.press("throughput")
    panel.press("spread")
    assert panel.part("spread", "verdict") == "not run yet"
    panel.press("throughput")
    panel.wait_for("throughput")
    assert panel.run("spread") == "good"


@pytest.mark.parametrize("check", ["throughput", "idle"])
def test_no_report_is_handed_out_while_a_check_runs(panel: Panel, check: str) -> None:
    panel.open()
    panel.run("closing")
    assert panel.page.is_enabled("diagnose-copy")
    panel.press(check)
    assert not panel.page.is_enabled("diagnose-copy")
    assert not panel.page.is_enabled("diagnose-save")
    panel.press(check)
    panel.wait_for(check)
    assert panel.page.is_enabled("diagnose-save")
