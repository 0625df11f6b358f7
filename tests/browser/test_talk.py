"""The panel Talk in a real browser: the log in detail, the options, the round trips."""

import json
import re
from pathlib import Path

import pytest

from tests.support.axe import violations
from tests.support.browser import NAMED_HOST, Page
from tests.support.servers import Server
from tests.support.talk import FAKE_SOCKETS, GREETING, imported, say

ENTER, UP, DOWN, HOME, CONTROL = "\ue007", "\ue013", "\ue015", "\ue011", "\ue009"

DURATION = r"(\d+(\.\d)? m?s|under 1 ms)"  # as in format.js

# They also keep what was offered, and bytes as a list that WebDriver can hand over.
FAKES = (
    FAKE_SOCKETS
    + """
window.WebSocket = class extends window.WebSocket {
  constructor(address, protocols) { super(address); this.protocols = protocols; }
  send(data) { super.send(typeof data === "string" ? data : [...new Uint8Array(data)]); }
};
"""
)


@pytest.fixture
def talk(page: Page) -> Page:
    """The page, connected."""
    page.open()
    page.wait_for_lines(*GREETING)
    return page


@pytest.fixture
def fake(page: Page) -> Page:
    """The page with a socket that is connected to the test."""
    page.run_before_load(FAKES)
    page.open()
    page.run("sockets[0].accept()")
    return page


def rows(page: Page) -> list[list[str]]:
    """Mark, content, size and round trip of each entry in the detailed view."""
    cells = page.run(
        "return [...document.querySelectorAll('#entries > div')].map((row) => ["
        "  row.querySelector('.mark').dataset.mark,"
        "  ...['content', 'size', 'trip'].map((c) => row.querySelector('.' + c).textContent)])"
    )
    return list(cells)


def wait_for_rows(page: Page, *expected: list[str]) -> None:
    page.wait_until(lambda: rows(page) == list(expected), f"the rows {expected}")


def round_trips(page: Page) -> list[str]:
    return [trip for *_, trip in rows(page) if trip]


def contents(page: Page) -> list[str]:
    return [content for _, content, _, _ in rows(page)]


def wait_for_contents(page: Page, *expected: str) -> None:
    page.wait_until(lambda: contents(page) == list(expected), f"the contents {expected}")


def receive(page: Page, *messages: str) -> None:
    page.run("for (const data of arguments[0]) sockets.at(-1).receive(data)", messages)


def choose(page: Page, **values: object) -> None:
    """Fill in fields of the options as a user does, by their names."""
    page.run(
        "document.querySelector('#options').open = true;"
        "const { elements } = document.querySelector('#options-form');"
        "for (const [name, value] of Object.entries(arguments[0])) {"
        "  const field = elements[name];"
        "  if (typeof value === 'boolean') field.checked = value; else field.value = value;"
        "  field.dispatchEvent(new InputEvent('input', { bubbles: true }));"
        "}",
        values,
    )


def next_path(page: Page) -> str:
    return str(
        page.run(
            "const { textContent } = document.getElementById('next-address');"
            "const { pathname, search } = new URL(textContent); return pathname + search"
        )
    )


# The first view


def test_a_learner_sees_a_conversation_and_no_options(talk: Page) -> None:
    assert talk.element("messages").is_displayed()
    assert talk.element("message").is_displayed()
    assert not talk.element("options-form").is_displayed()
    assert not talk.element("times").is_displayed()
    assert not talk.element("entry").is_displayed()


@pytest.mark.parametrize("width", [1280, 390])
def test_the_details_are_beside_the_conversation_or_below(page: Page, width: int) -> None:
    page.devtools(
        "Emulation.setDeviceMetricsOverride",
        width=width, height=844, deviceScaleFactor=1, mobile=False,
    )  # fmt: skip
    page.open()
    left, below = page.run(
        "const [talk, details] = ['conversation', 'details']"
        "  .map((id) => document.getElementById(id).getBoundingClientRect());"
        "return [details.left >= talk.right, details.top >= talk.bottom]"
    )
    assert (left, below) == ((True, False) if width > 1000 else (False, True))


# The log in detail


def test_each_message_is_told_with_its_size_and_round_trip(talk: Page) -> None:
    say(talk, "naïve")
    talk.wait_until(lambda: len(rows(talk)) == 5, "five entries")
    first, opened, greeting, sent, answer = rows(talk)
    assert first == ["###", "websockets supported", "", ""]
    assert opened == ["###", "connection open", "", ""]
    assert greeting == ["<<<", '"hello from server"', "19 B", ""]
    assert sent[:3] == [">>>", "naïve", "6 B"]
    talk.wait_until(lambda: re.fullmatch(DURATION, rows(talk)[3][3]), "a round trip")
    assert answer == ["<<<", '"naïve back"', "13 B", ""]


def test_each_entry_has_its_time_in_milliseconds(talk: Page) -> None:
    talk.wait_until(lambda: len(rows(talk)) == 3, "three entries")
    times = talk.run(
        "return [...document.querySelectorAll('#entries .time')].map((t) => t.textContent)"
    )
    assert len(times) == 3
    assert all(re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3}", time) for time in times)
    assert times == sorted(times)


def test_a_message_without_an_answer_looks_so(fake: Page) -> None:
    say(fake, "one")
    fake.wait_until(lambda: round_trips(fake) == ["waiting"], "a waiting message")
    receive(fake, '"another back"', "one back", '{"tick": 1}')
    fake.wait_until(lambda: len(rows(fake)) == 6, "what was received")
    assert round_trips(fake) == ["waiting"]
    receive(fake, '"one back"')
    fake.wait_until(lambda: round_trips(fake)[0].endswith(" ms"), "a round trip")


def test_a_message_that_gets_no_answer_any_more_looks_so(fake: Page) -> None:
    say(fake, "one")
    fake.run("sockets[0].end(1006, '')")
    fake.wait_until(lambda: len(rows(fake)) == 4, "the end")
    assert rows(fake)[2] == [">>>", "one", "3 B", "no answer"]


def test_an_answer_belongs_to_the_oldest_message_that_waits(fake: Page) -> None:
    choose(fake, route="echo")
    fake.click("apply")
    fake.run("sockets[0].end(1000, ''); sockets[1].accept()")
    for text in ("same", "same", "other"):
        say(fake, text)
    receive(fake, "other", '{"tick": 1}', "same")

    def trips() -> list[str]:
        return [trip[-2:] for trip in round_trips(fake)]

    fake.wait_until(lambda: trips() == ["ms", "ng", "ng"], "the first answered only")
    receive(fake, "same", "other")
    fake.wait_until(lambda: trips() == ["ms", "ms", "ms"], "all answered")


def test_bytes_are_sent_shown_and_matched(talk: Page) -> None:
    choose(talk, route="echo", format="binary")
    talk.click("apply")
    talk.wait_until(lambda: talk.lines[-1] == "### connection open", "the connection with /echo")
    say(talk, "00 FF 7b")
    binary = "(3 bytes of binary data)"
    talk.wait_until(lambda: talk.lines[-2:] == [f">>> {binary}", f"<<< {binary}"], "an echo")
    both = [[">>>", "00 ff 7b", "3 B"], ["<<<", "00 ff 7b", "3 B"]]
    talk.wait_until(lambda: [row[:3] for row in rows(talk)[-2:]] == both, "both entries")
    talk.wait_until(lambda: rows(talk)[-2][3].endswith(" ms"), "a round trip")


def test_the_filter_finds_text_and_kind(fake: Page) -> None:
    receive(fake, "Alpha", "beta")
    say(fake, "alphabet")
    fake.element("filter").send_keys("ALPHA")
    wait_for_contents(fake, "Alpha", "alphabet")
    receive(fake, "gamma", "alpha too")
    wait_for_contents(fake, "Alpha", "alphabet", "alpha too")
    fake.element("kind").send_keys("Sent")
    wait_for_contents(fake, "alphabet")
    assert "1 of 7" in fake.element("count").text
    assert len(fake.lines) == 7


def test_a_pause_holds_entries_back_and_loses_none(fake: Page) -> None:
    fake.wait_until(lambda: len(rows(fake)) == 2, "the first entries")
    fake.click("pause")
    receive(fake, "one", "two")
    fake.wait_until(lambda: "2 held back" in fake.element("count").text, "two held back")
    assert len(rows(fake)) == 2
    assert fake.lines[2:] == ["<<< one", "<<< two"]
    fake.click("pause")
    assert contents(fake)[2:] == ["one", "two"]


def test_clear_empties_every_view(talk: Page) -> None:
    say(talk, "one")
    talk.wait_until(lambda: talk.element("times").is_displayed(), "a round trip")
    talk.click("clear")
    talk.wait_until(lambda: not talk.element("times").is_displayed(), "no round trip")
    assert (talk.lines, rows(talk)) == ([], [])
    say(talk, "two")
    talk.wait_for_lines(">>> two", "<<< two back")


def test_an_answer_after_a_clear_is_still_timed(fake: Page) -> None:
    say(fake, "one")
    fake.click("clear")
    receive(fake, '"one back"')
    fake.wait_until(lambda: fake.element("answers").text == "1", "a round trip")


def test_the_details_keep_the_newest_thousand(fake: Page) -> None:
    fake.run("for (let i = 0; i < 5000; i++) sockets[0].receive(String(i))")
    fake.wait_until(lambda: fake.element("count").text == "1000 shown", "a thousand entries")
    assert contents(fake)[-1] == "4999"
    fake.run("for (let i = 5000; i < 5100; i++) sockets[0].receive(String(i))")
    fake.wait_until(lambda: contents(fake)[-1] == "5099", "the newest")
    fake.run("document.getElementById('entries').focus()")
    fake.press(HOME)
    fake.wait_until(lambda: contents(fake)[0] == "4100", "the oldest")
    assert fake.element("entry-content").text == "4100"


def test_only_the_entries_in_view_are_in_the_page(fake: Page) -> None:
    fake.run("for (let i = 0; i < 1000; i++) sockets[0].receive(String(i))")
    fake.wait_until(lambda: contents(fake)[-1] == "999", "the newest")
    assert len(rows(fake)) < 100
    heights = fake.run(
        "const rows = [...document.querySelectorAll('#entries > div')];"
        "return rows.map((row) => row.getBoundingClientRect().height)"
    )
    line = fake.run(
        "return parseFloat(getComputedStyle(document.getElementById('entries')).lineHeight)"
    )
    assert set(heights) == {line}


def test_the_entry_that_is_being_read_stays_where_it_is(fake: Page) -> None:
    fake.run("for (let i = 0; i < 1500; i++) sockets[0].receive(String(i))")
    fake.wait_until(lambda: contents(fake)[-1] == "1499", "the newest")
    fake.run("document.getElementById('entries-scroller').scrollTop = 12000")
    fake.wait_until(lambda: "1000" in contents(fake), "the middle")
    row = (
        "const row = [...document.querySelectorAll('#entries > div')]"
        "  .find((row) => row.querySelector('.content').textContent === '1000');"
        "return row?.getBoundingClientRect().top"
    )
    before = fake.run(row)
    fake.run("for (let i = 1500; i < 1700; i++) sockets[0].receive(String(i))")
    shift = "return document.querySelector('#entries > div').getAttribute('aria-posinset')"
    fake.wait_until(lambda: int(fake.run(shift)) < 310, "the oldest gone")
    assert fake.run(row) == pytest.approx(before, abs=1)


def test_many_messages_are_drawn_at_once(fake: Page) -> None:
    """A message is cheap: what it costs to draw is paid once for all that came since."""
    fake.run(
        "window.drawings = 0;"
        "new MutationObserver((records) => (drawings += records.length))"
        "  .observe(document.getElementById('entries'), { childList: true });"
        "for (let i = 0; i < 500; i++) sockets[0].receive(String(i));"
    )
    fake.wait_until(lambda: contents(fake)[-1] == "499", "the newest")
    assert fake.run("return drawings") < 5


def test_markup_in_a_message_is_text_everywhere(fake: Page) -> None:
    receive(fake, "<img src=x onerror=\"document.title='hacked'\">")
    fake.wait_until(lambda: len(rows(fake)) == 3, "the message")
    fake.run("document.querySelector('#entries > :last-child').click()")
    assert fake.run("return document.querySelector('#details img')") is None
    assert fake.element("entry-content").text.startswith("<img")


# One entry


def test_an_entry_is_selected_by_keyboard(fake: Page) -> None:
    receive(fake, "one", "two")
    fake.wait_until(lambda: len(rows(fake)) == 4, "the messages")
    fake.run("document.getElementById('entries').focus()")
    fake.press(UP)
    assert fake.element("entry-content").text == "two"
    fake.press(UP)
    assert fake.element("entry-content").text == "one"
    fake.press(HOME)
    assert fake.element("entry-content").text == "websockets supported"
    assert fake.run(
        "const list = document.getElementById('entries');"
        "return document.getElementById(list.getAttribute('aria-activedescendant')).textContent"
    ).endswith("websockets supported")
    fake.click("entry-close")
    assert fake.focus == "entries"
    assert not fake.element("entry").is_displayed()


def test_json_is_pretty_printed_on_demand_and_to_the_letter(fake: Page) -> None:
    receive(fake, '{"n":12345678901234567890,"e":[],"s":"a, {b}"}', "plain")
    fake.wait_until(lambda: len(rows(fake)) == 4, "the messages")
    fake.run("document.getElementById('entries').focus()")
    fake.press(UP)
    assert not fake.element("entry-pretty").is_displayed()
    fake.press(UP)
    assert fake.element("entry-content").text == '{"n":12345678901234567890,"e":[],"s":"a, {b}"}'
    fake.click("entry-pretty")
    pretty = '{\n  "n": 12345678901234567890,\n  "e": [],\n  "s": "a, {b}"\n}'
    assert fake.element("entry-content").text == pretty


@pytest.mark.parametrize(
    "text",
    ["{}", "[[], {}]", '{"a": [1, {"b": null}], "c": "\\"}"}', "[\n1 ,2]", '["a", [true]]', "[{}]"],
)
def test_pretty_json_is_indented_as_everyone_does_it(page: Page, text: str) -> None:
    printed = imported(page, "talk/json", "m.pretty(a[0])", text)
    assert printed == json.dumps(json.loads(text), indent=2)


@pytest.mark.parametrize("host", ["127.0.0.1", NAMED_HOST])
def test_an_entry_can_be_copied_anywhere(page: Page, server: Server, host: str) -> None:
    page.open(url=server.url.replace("127.0.0.1", host))
    page.wait_for_lines(*GREETING)
    text = f"copied at {host}"
    say(page, text)
    page.wait_until(lambda: len(rows(page)) == 5, "an answer")
    page.run("document.querySelector('#entries > :nth-child(4)').click()")
    page.click("entry-copy")
    page.wait_until(lambda: page.element("entry-copy").text == "Copied", "a copy")
    assert page.focus == "entry-copy"
    page.element("filter").send_keys(CONTROL + "v")
    page.wait_until(lambda: page.element("filter").get_property("value") == text, "the text")


def test_a_close_is_explained(fake: Page) -> None:
    fake.run("sockets[0].end(1011, 'broken')")
    fake.wait_until(lambda: len(rows(fake)) == 3, "the end")
    fake.run("document.querySelector('#entries > :last-child').click()")
    assert "Internal error" in fake.element("entry-facts").text


# The whole log


@pytest.fixture
def downloads(fake: Page, tmp_path: Path) -> Path:
    """Where the browser saves files. The log has a greeting, an answer, bytes and a close."""
    fake.devtools("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    say(fake, "one")
    receive(fake, '"one back"')
    fake.run("sockets[0].receive(new Uint8Array([0, 255]).buffer)")
    say(fake, "two\u2028lines")
    fake.run("sockets[0].end(4001, 'enough')")
    return tmp_path


def saved(page: Page, folder: Path, button: str, name: str) -> str:
    page.click(button)
    page.wait_until((folder / name).exists, "a file")
    page.wait_until(lambda: (folder / name).stat().st_size, "its content")
    return (folder / name).read_text()


def test_the_log_is_saved_as_json_with_its_close_code(fake: Page, downloads: Path) -> None:
    entries = json.loads(saved(fake, downloads, "export-json", "websocket-log.json"))["entries"]
    assert [entry["id"] for entry in entries] == [1, 2, 3, 4, 5, 6, 7]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]+\.\d{3}Z", entry["time"]) for entry in entries)
    sent, answer, binary, unanswered, close = entries[2:]
    assert (sent["kind"], sent["data"], sent["bytes"], sent["answer"]) == (
        "sent",
        "one",
        3,
        "answered",
    )
    assert sent["roundTripMs"] > 0
    assert (answer["data"], answer["answers"]) == ('"one back"', sent["id"])
    assert (binary["type"], binary["hex"], binary["bytes"]) == ("binary", "00 ff", 2)
    assert (unanswered["answer"], "roundTripMs" in unanswered) == ("none", False)
    assert (close["code"], close["reason"], close["opened"]) == (4001, "enough", True)
    assert close["address"].endswith("/WS.ashx")


def test_the_log_is_saved_as_text(fake: Page, downloads: Path) -> None:
    lines = saved(fake, downloads, "export-text", "websocket-log.txt").split("\n")
    assert re.fullmatch(rf"\S+Z #3 >>> one \(text; 3 bytes; {DURATION}\)", lines[2])
    assert re.fullmatch(r"\S+Z #5 <<< 00 ff \(binary; 2 bytes\)", lines[4])
    assert "### connection closed (4001 enough) (" in lines[6]


# The options


def test_the_route_is_chosen_and_used_at_once(talk: Page, server: Server) -> None:
    choose(talk, route="echo")
    assert next_path(talk) == "/echo"
    assert talk.element("address").text.endswith("/WS.ashx")
    talk.click("apply")
    closed, opened = "### connection closed (1000)", "### connection open"
    talk.wait_for_lines(*GREETING, closed, opened)
    assert talk.element("address").text == f"{server.ws_url}/echo"
    say(talk, "plain")
    talk.wait_for_lines(*GREETING, closed, opened, ">>> plain", "<<< plain")


def test_the_bare_address_echoes(talk: Page) -> None:
    choose(talk, route="./")
    assert next_path(talk) == "/"
    talk.click("apply")
    talk.wait_until(lambda: talk.lines[-1] == "### connection open", "a connection")
    say(talk, "plain")
    talk.wait_until(lambda: talk.lines[-1] == "<<< plain", "an echo")


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({}, "/echo"),
        ({"delay": "0.5", "jitter": "2"}, "/echo?delay=0.5&jitter=2"),
        ({"delay": "1e-7", "jitter": "3e1"}, "/echo?delay=0.0000001&jitter=30"),
        ({"delay": "0.33333333333", "jitter": "0"}, "/echo?delay=0.333333333&jitter=0"),
        ({"ending": "close"}, "/echo?close=1011"),
        (
            {"ending": "close", "close": "4000", "reason": "a & b", "after": "3"},
            "/echo?close=4000&reason=a%20%26%20b&after=3",
        ),
        ({"ending": "drop", "drop": "2"}, "/echo?drop=2"),
        ({"ending": "drop", "drop": "1e3"}, "/echo?drop=1000"),
        ({"ending": "mute"}, "/echo?mute"),
        ({"delay": "1", "push": "1", "ending": "mute"}, "/echo?mute"),
        (
            {"ending": "close", "close": "4000", "reason": "why"} | {"ending": "drop"},
            "/echo?drop=0",
        ),
        ({"ping": True, "compress": True, "push": "0.01"}, "/echo?ping=off&compress=off&push=0.01"),
        ({"subprotocol": "chat"}, "/echo?subprotocol=chat"),
        ({"delay": "1", "route": "WS.ashx"}, "/WS.ashx"),
    ],
)
def test_a_rehearsal_is_a_query_without_contradictions(
    fake: Page, values: dict[str, object], path: str
) -> None:
    choose(fake, **{"route": "echo"} | values)
    assert next_path(fake) == path


@pytest.mark.parametrize(
    "values",
    [
        {"delay": "61"},
        {"jitter": "-1"},
        {"push": "0.001"},
        {"ending": "close", "close": "1005"},
        {"ending": "close", "close": "1006"},
        {"ending": "close", "close": "1015"},
        {"ending": "close", "close": "5000"},
        {"ending": "close", "close": ""},
        {"ending": "close", "reason": "é" * 62},
        {"ending": "close", "after": "1000001"},
        {"ending": "drop", "drop": "1.5"},
        {"protocols": "a b"},
        {"protocols": "a, a"},
        {"subprotocol": "a b"},
    ],
    ids=str,
)
def test_what_cannot_be_rehearsed_is_not_tried(fake: Page, values: dict[str, object]) -> None:
    choose(fake, **{"route": "echo"} | values)
    fake.click("apply")
    assert fake.run("return document.querySelector('#options-form').checkValidity()") is False
    assert fake.run("return sockets.map((socket) => socket.readyState)") == [1]
    assert fake.run("return document.activeElement.name") == list(values)[-1]


def test_a_field_that_is_folded_away_is_shown_when_it_is_wrong(fake: Page) -> None:
    choose(fake, route="echo", delay="61")
    fake.run("sockets[0].end(1000, ''); document.getElementById('options').open = false")
    fake.click("connect")
    assert fake.element("options-form").is_displayed()
    assert fake.run("return document.activeElement.name") == "delay"
    assert fake.run("return sockets.length") == 1


def test_subprotocols_are_offered(fake: Page) -> None:
    assert fake.run("return sockets[0].protocols") == []
    choose(fake, protocols="chat, superchat")
    fake.click("apply")
    fake.run("sockets[0].end(1000, '')")
    assert fake.run("return sockets[1].protocols") == ["chat", "superchat"]


@pytest.mark.parametrize(
    ("form", "text", "complaint"),
    [
        ("json", "{broken", "This is not JSON"),
        ("binary", "0", "one is missing"),
        ("binary", "xx", "pairs of"),
    ],
)
def test_what_is_no_message_is_not_sent(fake: Page, form: str, text: str, complaint: str) -> None:
    choose(fake, format=form)
    say(fake, text)
    assert complaint in fake.element("complaint").text
    assert fake.element("message").get_attribute("aria-invalid") == "true"
    assert fake.run("return sockets[0].sent") == []
    fake.press("1")
    assert fake.element("complaint").text == ""


@pytest.mark.parametrize(
    ("form", "text", "sent"),
    [
        ("json", ' {"a":  1.50} ', ' {"a":  1.50} '),
        ("binary", "", []),
        ("binary", "0x01, 0xFF 10:11", [1, 255, 16, 17]),
    ],
)
def test_messages_are_sent_as_typed(fake: Page, form: str, text: str, sent: object) -> None:
    choose(fake, format=form)
    say(fake, text)
    assert fake.run("return sockets[0].sent") == [sent]


def test_settings_are_remembered(fake: Page) -> None:
    choose(fake, route="echo", delay="2", format="json", reconnect=True)
    fake.open()
    assert next_path(fake) == "/echo?delay=2"
    assert fake.run("return sockets[0].address").endswith("/echo?delay=2")
    assert fake.element("options-summary").text == "/echo?delay=2 · JSON"
    fake.click("options-reset")
    assert next_path(fake) == "/WS.ashx"
    fake.open()
    assert next_path(fake) == "/WS.ashx"


@pytest.mark.parametrize(
    "stored",
    ["{", "null", "[]", '{"fields": 1}', '{"fields": {"route": "nowhere", "close": "9"}}',
     '{"fields": {"route": "echo", "delay": "1000"}}'],
)  # fmt: skip
def test_what_is_remembered_wrongly_is_forgotten(fake: Page, stored: str) -> None:
    fake.run("localStorage.setItem('websockets-demo.talk', arguments[0])", stored)
    fake.open()
    assert fake.run("return sockets[0].address").endswith("/WS.ashx")


def test_a_browser_that_stores_nothing_is_enough(page: Page) -> None:
    page.run_before_load(
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no'); } })"
    )
    page.open()
    page.wait_for_lines(*GREETING)
    choose(page, route="echo")
    page.click("apply")
    page.wait_until(lambda: page.element("address").text.endswith("/echo"), "the other address")


# Rehearsals, played by the server


def rehearse(page: Page, **values: object) -> None:
    choose(page, **{"route": "echo"} | values)
    page.click("apply")
    page.wait_until(lambda: page.element("address").text == page.element("next-address").text, "it")
    page.wait_for_state("open")


def test_a_delay_is_seen_in_the_round_trip(talk: Page) -> None:
    rehearse(talk, delay="0.5")
    say(talk, "slow")
    talk.wait_until(
        lambda: rows(talk)[-1][1:] == ["slow", "4 B", "waiting"], "a message that waits"
    )
    talk.wait_until(lambda: talk.lines[-1] == "<<< slow", "the reply")
    assert float(talk.element("min").text.split()[0]) >= 500


def test_a_close_comes_with_its_code_and_reason(talk: Page) -> None:
    rehearse(talk, ending="close", close="4321", reason="as asked", after="1")
    say(talk, "last words")
    talk.wait_until(lambda: talk.lines[-1] == "### connection closed (4321 as asked)", "the close")
    assert talk.lines[-2] == "<<< last words"


def test_a_connection_that_is_dropped_comes_back(talk: Page) -> None:
    rehearse(talk, ending="drop", drop="1", reconnect=True)
    say(talk, "last words")
    talk.wait_until(lambda: "### connection closed (1006)" in talk.lines, "the reset")
    talk.wait_until(lambda: talk.lines[-1] == "### connection open", "another connection")


def test_a_mute_server_leaves_a_message_waiting(talk: Page) -> None:
    rehearse(talk, ending="mute")
    say(talk, "anyone?")
    talk.wait_until(lambda: rows(talk)[-1] == [">>>", "anyone?", "7 B", "waiting"], "a message")
    talk.click("disconnect")
    talk.click("connect")
    talk.wait_until(lambda: "no answer" in round_trips(talk), "no answer")


def test_ticks_answer_nothing(talk: Page) -> None:
    rehearse(talk, push="0.05")
    talk.wait_until(lambda: '"tick": 3' in talk.lines[-1], "ticks")
    say(talk, "echo")
    talk.wait_until(lambda: talk.element("answers").text == "1", "one round trip")
    talk.click("disconnect")
    talk.wait_for_state("closed")
    assert talk.element("answers").text == "1"


def test_a_subprotocol_is_negotiated(talk: Page) -> None:
    rehearse(talk, protocols="chat, superchat", subprotocol="superchat")
    talk.wait_until(lambda: contents(talk)[-1] == "connection open", "the entry")
    talk.run("document.querySelector('#entries > :last-child').click()")
    assert "subprotocol: superchat" in talk.element("entry-facts").text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_that_can_be_unfolded_is_accessible(talk: Page, scheme: str) -> None:
    talk.emulate(1280, 800, scheme)
    rehearse(talk, ending="close", after="9")
    say(talk, "[1]")
    talk.wait_until(lambda: talk.element("times").is_displayed(), "a round trip")
    choose(talk, format="json", delay="99")
    say(talk, "{")
    talk.run("document.querySelector('#entries > :last-child').click()")
    for button in ("entry-pretty", "pause"):
        talk.click(button)
    assert violations(talk) == []


# Connecting again


def test_a_lost_connection_is_opened_again(fake: Page) -> None:
    choose(fake, reconnect=True)
    fake.run("sockets[0].end(1006, '')")
    fake.wait_until(lambda: fake.state == "waiting", "a wait")
    assert re.fullmatch(r"### connecting again in ([5-9]\d\d ms|1000 ms|1\.0 s)", fake.lines[-1])
    fake.wait_until(lambda: fake.run("return sockets.length") == 2, "an attempt")
    fake.run("sockets[1].accept()")
    assert fake.state == "open"


def test_each_attempt_waits_longer(page: Page) -> None:
    waits = imported(
        page,
        "talk/backoff",
        "((b) => a[0].map(() => { const wait = b.schedule(() => {}); b.cancel(); return wait; }))"
        "(new m.BackOff())",
        list(range(8)),
    )
    for wait, full in zip(waits, [1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000], strict=True):
        assert full / 2 <= wait <= full


@pytest.mark.parametrize("button", ["disconnect", "connect"])
def test_the_wait_can_be_cut_short(fake: Page, button: str) -> None:
    choose(fake, reconnect=True)
    fake.run("sockets[0].end(1006, '')")
    fake.click(button)
    assert fake.state == ("closed" if button == "disconnect" else "connecting")


def test_who_disconnects_stays_disconnected(fake: Page) -> None:
    choose(fake, reconnect=True)
    fake.click("disconnect")
    fake.run("sockets[0].end(1000, '')")
    assert fake.state == "closed"


# What was sent before


def test_arrows_bring_back_what_was_sent(fake: Page) -> None:
    for text in ("one", "two", "two", "three"):
        say(fake, text)
    seen = []
    for key in (UP, UP, UP, DOWN, DOWN, DOWN):
        fake.press(key)
        seen.append(fake.element("message").get_property("value"))
    assert seen == ["two", "one", "one", "two", "three", "three"]


def test_what_is_being_typed_waits_below_what_was_sent(fake: Page) -> None:
    say(fake, "one")
    fake.press("draft" + UP)
    assert fake.element("message").get_property("value") == "one"
    fake.press(DOWN)
    assert fake.element("message").get_property("value") == "draft"


# The round trips


def test_the_figures_are_measured_values(page: Page) -> None:
    values = [float(value) for value in range(1, 201)]
    summary = imported(page, "common/statistics", "m.summary(a[0])", values[::-1])
    assert summary == {"min": 1, "median": 100, "p95": 190, "p99": 198, "max": 200}
    assert imported(page, "common/statistics", "m.summary(a[0])", [7.5]) == dict.fromkeys(summary, 7.5)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_round_trips_are_drawn_and_told(page: Page, scheme: str) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    page.devtools("Emulation.setEmulatedMedia", features=[feature])
    page.open()
    page.wait_for_lines(*GREETING)
    for text in ("one", "two", "three"):
        say(page, text)
    page.wait_until(lambda: page.element("answers").text == "3", "three answers")
    for figure in ("min", "median", "p95", "p99"):
        assert re.fullmatch(DURATION, page.element(figure).text)
    page.wait_until(lambda: page.run(
        "const canvas = document.querySelector('#chart canvas');"
        "const style = getComputedStyle(document.documentElement);"
        "const probe = new OffscreenCanvas(1, 1).getContext('2d');"
        "probe.fillStyle = style.getPropertyValue('--pico-primary'); probe.fillRect(0, 0, 1, 1);"
        "const [r, g, b] = probe.getImageData(0, 0, 1, 1).data;"
        "const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);"
        "for (let i = 0; i < data.length; i += 4)"
        "  if (data[i] === r && data[i + 1] === g && data[i + 2] === b) return true;"
    ), "a line in the colour of the scheme")  # fmt: skip


def test_another_address_has_its_own_round_trips(talk: Page) -> None:
    say(talk, "one")
    talk.wait_until(lambda: talk.element("times").is_displayed(), "a round trip")
    choose(talk, route="echo")
    talk.click("apply")
    talk.wait_until(lambda: not talk.element("times").is_displayed(), "none at the new address")


# The panels


def shown(page: Page) -> list[str]:
    return list(
        page.run(
            "return [...document.querySelectorAll('main > section')]"
            ".filter((panel) => !panel.hidden).map((panel) => panel.id)"
        )
    )


@pytest.mark.parametrize(
    ("path", "panel"),
    [("/", "talk"), ("/#talk", "talk"), ("/#handshake", "handshake"), ("/#nowhere", "talk")],
)
def test_the_address_picks_a_panel(page: Page, path: str, panel: str) -> None:
    page.open(path)
    assert shown(page) == [panel]
    assert page.run("return scrollY") == 0


def test_choosing_a_panel_moves_neither_the_page_nor_the_focus(talk: Page) -> None:
    for panel in ("handshake", "talk", "diagnose", "talk"):
        talk.click(f"tab-{panel}")
        assert shown(talk) == [panel]
        assert talk.focus == f"tab-{panel}"
        assert talk.run("return scrollY") == 0
    assert talk.lines == list(GREETING)
    assert talk.state == "open"


def test_back_and_forth_between_panels(talk: Page) -> None:
    talk.click("tab-handshake")
    talk.click("tab-diagnose")
    talk.back()
    talk.wait_until(lambda: shown(talk) == ["handshake"], "the panel before")
    talk.back()
    talk.wait_until(lambda: shown(talk) == ["talk"], "the first panel")
    talk.run("history.forward()")
    talk.wait_until(lambda: shown(talk) == ["handshake"], "the panel after")
    assert len(talk.lines) == 3


def test_the_log_is_at_its_end_after_a_visit_to_another_panel(fake: Page) -> None:
    fill = "for (let i = 0; i < 100; i++) sockets[0].receive(String(i))"
    fake.run(fill)
    fake.click("tab-handshake")
    fake.run(fill)
    fake.click("tab-talk")
    at_end = (
        "return ['messages', 'entries-scroller'].every((id) => {"
        "  const { scrollHeight, scrollTop, clientHeight } = document.getElementById(id);"
        "  return scrollHeight > clientHeight && scrollHeight - scrollTop - clientHeight < 2;"
        "})"
    )
    fake.wait_until(lambda: fake.run(at_end), "the end of both views")


def test_a_reader_finds_the_place_again_after_a_visit_to_another_panel(fake: Page) -> None:
    fake.run("for (let i = 0; i < 100; i++) sockets[0].receive(String(i))")
    fake.wait_until(lambda: len(fake.lines) == 102, "the messages")
    top = "return document.getElementById('messages').scrollTop"
    fake.run("document.getElementById('messages').scrollTop = 500")
    fake.click("tab-handshake")
    fake.run("for (let i = 0; i < 100; i++) sockets[0].receive(String(i))")
    fake.wait_until(lambda: len(fake.lines) == 202, "more messages")
    fake.click("tab-talk")
    assert fake.run(top) == 500


@pytest.mark.parametrize("width", [390, 768, 1024, 1280])
def test_nothing_needs_scrolling_sideways_with_all_unfolded(page: Page, width: int) -> None:
    page.devtools(
        "Emulation.setDeviceMetricsOverride",
        width=width, height=844, deviceScaleFactor=1, mobile=width < 500,
    )  # fmt: skip
    page.open()
    page.wait_for_lines(*GREETING)
    choose(page, route="echo", ending="close", reason="x" * 100)
    say(page, "x" * 500)
    page.wait_until(lambda: page.element("times").is_displayed(), "a round trip")
    page.run("document.querySelector('#entries > :last-child').click()")
    scroll, client, inner = page.run(
        "const { scrollWidth, clientWidth } = document.documentElement;"
        "return [scrollWidth, clientWidth, innerWidth]"
    )
    assert scroll <= client
    assert inner == width
