"""The selected entry in the panel Talk, and the log saved as a file."""

import json
import re
from pathlib import Path

import pytest

from tests.support.browser import NAMED_HOST, Page
from tests.support.keys import CONTROL, HOME, UP
from tests.support.modules import call
from tests.support.servers import Server
from tests.support.talk import DURATION, GREETING, receive, rows, say

pytestmark = pytest.mark.slow

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


def test_pretty_printing_keeps_numbers_and_strings_as_written(fake: Page) -> None:
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
def test_pretty_printing_indents_like_other_tools(page: Page, text: str) -> None:
    printed = call(page, "talk/json.js", "prettyPrint", text)
    assert printed == json.dumps(json.loads(text), indent=2)


@pytest.mark.parametrize("host", ["127.0.0.1", NAMED_HOST])
def test_an_entry_can_be_copied_in_any_context(page: Page, server: Server, host: str) -> None:
    page.open(url=server.url.replace("127.0.0.1", host))
    page.wait_for_lines(*GREETING)
    text = f"copied at {host}"
    say(page, text)
    page.wait_until(lambda: len(rows(page)) == 5, "a reply")
    page.run("document.querySelector('#entries > :nth-child(5)').click()")
    page.click("entry-copy")
    page.wait_until(lambda: page.element("entry-copy").text == "Copied", "a copy")
    assert page.focus == "entry-copy"
    page.element("filter").send_keys(CONTROL + "v")
    page.wait_until(lambda: page.element("filter").get_property("value") == text, "the text")


def test_one_key_press_in_the_list_copies_the_selected_entry(talk: Page) -> None:
    say(talk, "first")
    talk.wait_until(lambda: len(rows(talk)) == 5, "a reply")
    for keys in (UP, CONTROL + "c"):
        talk.element("entries").send_keys(keys)
    talk.wait_until(lambda: talk.element("entry-copy").text == "Copied", "a copy")
    assert talk.focus == "entries"
    talk.element("filter").send_keys(CONTROL + "v")
    pasted = '"first back"'
    talk.wait_until(lambda: talk.element("filter").get_property("value") == pasted, pasted)


def test_a_close_is_explained(fake: Page) -> None:
    fake.run("sockets[0].end(1011, 'broken')")
    fake.wait_until(lambda: len(rows(fake)) == 3, "the end")
    fake.run("document.querySelector('#entries > :last-child').click()")
    assert "Internal error" in fake.element("entry-details").text


@pytest.mark.parametrize(
    ("close", "explanation"),
    [
        ({"code": 1006, "opened": False}, "run Diagnose to find out"),
        ({"code": 1006, "opened": True}, "cut the connection"),
        ({"code": 1006, "opened": False, "cancelled": True}, "had not opened yet"),
        ({"code": 1006, "opened": True, "abandoned": True}, "before you connected again"),
        ({"code": 1003, "opened": True}, "does not accept this type of message"),
        ({"code": 2000, "opened": True}, "does not define"),
        ({"code": 3000, "opened": True}, "library or framework"),
        ({"code": 4999, "opened": True}, "the application defines its meaning"),
    ],
)
def test_each_close_has_an_explanation(
    page: Page, close: dict[str, object], explanation: str
) -> None:
    assert explanation in call(page, "common/close-codes.js", "explainClose", close)


# The whole log


@pytest.fixture
def downloads(fake: Page, tmp_path: Path) -> Path:
    """Where the browser saves files. The log has a reply, bytes and a close."""
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
    assert [entry["id"] for entry in entries] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]+\.\d{3}Z", entry["time"]) for entry in entries)
    sent, reply, binary, unanswered, close = entries[3:]
    assert (sent["kind"], sent["data"], sent["bytes"]) == ("sent", "one", 3)
    assert sent["reply"] == "received"
    assert sent["roundTripMs"] > 0
    assert (reply["data"], reply["replyTo"]) == ('"one back"', sent["id"])
    assert (binary["type"], binary["hex"], binary["bytes"]) == ("binary", "00 ff", 2)
    assert (unanswered["reply"], "roundTripMs" in unanswered) == ("none", False)
    assert (close["code"], close["reason"], close["opened"]) == (4001, "enough", True)
    assert close["address"].endswith("/WS.ashx")


def test_the_log_is_saved_as_text(fake: Page, downloads: Path) -> None:
    lines = saved(fake, downloads, "export-text", "websocket-log.txt").split("\n")
    assert re.fullmatch(rf"\S+Z #4 >>> one \(text; 3 bytes; round trip {DURATION}\)", lines[3])
    assert re.fullmatch(r"\S+Z #6 <<< 00 ff \(binary; 2 bytes\)", lines[5])
    assert "### connection closed (4001 enough) (" in lines[7]
