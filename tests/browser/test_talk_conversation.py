"""A conversation in the panel Talk: what is typed, sent and shown."""

import pytest

from tests.support.browser import Page
from tests.support.keys import DOWN, ENTER, SHIFT, UP
from tests.support.talk import GREETING, OPEN, SUPPORTED, receive, say


@pytest.mark.parametrize("path", ["/", "/default.html"])
def test_the_log_shows_the_conversation_in_order(page: Page, path: str) -> None:
    page.open(path)
    page.wait_for_lines(*GREETING)
    say(page, "one")
    page.wait_for_lines(*GREETING, ">>> one", "<<< one back")
    say(page, "two")
    page.wait_for_lines(*GREETING, ">>> one", "<<< one back", ">>> two", "<<< two back")


def test_both_addresses_give_the_same_page(page: Page) -> None:
    sources = []
    for path in ("/", "/default.html"):
        page.open(path)
        fetch = "fetch(location).then((page) => page.text()).then(arguments[0])"
        sources.append(page.run_async(fetch))
    # The head of the first looks where it is before it refers to anything.
    assert sources[0].split("<body")[1] == sources[1].split("<body")[1]
    assert all("<title>WebSockets demo</title>" in source for source in sources)


def test_the_title_is_also_the_heading(talk: Page) -> None:
    title, headings = talk.run(
        "return [document.title, [...document.querySelectorAll('h1')].map((h) => h.textContent)]"
    )
    assert (title, headings) == ("WebSockets demo", ["WebSockets demo"])


def test_enter_sends_and_the_next_text_can_be_typed(talk: Page) -> None:
    say(talk, "first")
    talk.wait_for_lines(*GREETING, ">>> first", "<<< first back")
    talk.press("second" + ENTER)
    talk.wait_for_lines(*GREETING, ">>> first", "<<< first back", ">>> second", "<<< second back")


def test_the_send_button_sends_and_the_next_text_can_be_typed(talk: Page) -> None:
    talk.run("document.getElementById('message').value = 'first'")
    talk.click("send")
    talk.wait_for_lines(*GREETING, ">>> first", "<<< first back")
    talk.press("second")
    talk.click("send")
    talk.wait_for_lines(*GREETING, ">>> first", "<<< first back", ">>> second", "<<< second back")


def test_the_box_is_empty_and_ready_after_sending(talk: Page) -> None:
    say(talk, "once")
    talk.wait_for_lines(*GREETING, ">>> once", "<<< once back")
    assert talk.element("message").get_property("value") == ""
    assert talk.focus == "message"
    talk.press("again" + ENTER)
    talk.wait_for_lines(*GREETING, ">>> once", "<<< once back", ">>> again", "<<< again back")


# A changed box makes the browser draw, and a reply that arrives meanwhile has to wait.
SENT = """
const box = document.querySelector("#message");
box.value = "one";
box.form.requestSubmit();
"""


def test_the_box_is_emptied_when_the_reply_has_arrived(fake: Page) -> None:
    assert fake.run(f"{SENT} return box.value") == "one"
    receive(fake, '"one back"')
    fake.wait_until(lambda: fake.element("message").get_property("value") == "", "an empty box")


def test_the_box_is_emptied_without_a_reply_too(fake: Page) -> None:
    fake.run(SENT)
    fake.wait_until(lambda: fake.element("message").get_property("value") == "", "an empty box")


@pytest.mark.parametrize(
    "change", ["new KeyboardEvent('keydown', { key: 'a' })", "new InputEvent('beforeinput')"]
)
def test_what_is_typed_before_the_reply_is_the_next_message(fake: Page, change: str) -> None:
    assert fake.run(f"{SENT} box.dispatchEvent({change}); return box.value") == ""


def test_a_text_is_sent_once_if_the_button_is_pressed_again_before_the_reply(fake: Page) -> None:
    assert fake.run(f"{SENT} box.form.requestSubmit(); return sockets[0].sent") == ["one", ""]


def test_a_text_that_a_script_writes_before_the_reply_is_kept(fake: Page) -> None:
    fake.run(f"{SENT} box.value = 'two'")
    receive(fake, '"one back"')
    fake.wait_for_lines(SUPPORTED, OPEN, ">>> one", "<<< one back")
    assert fake.element("message").get_property("value") == "two"


def test_a_message_that_was_not_sent_stays_in_the_box(talk: Page) -> None:
    talk.click("disconnect")
    talk.wait_for_state("closed")
    say(talk, "too late")
    assert talk.element("message").get_property("value") == "too late"


def test_enter_in_an_empty_box_does_nothing_but_the_button_sends(fake: Page) -> None:
    fake.click("message")
    fake.press(ENTER)
    assert fake.run("return sockets[0].sent") == []
    fake.click("send")
    assert fake.run("return sockets[0].sent") == [""]


def rows_of_the_box(page: Page) -> int:
    return int(page.run("return document.querySelector('#message').rows"))


def test_a_message_keeps_its_line_breaks(fake: Page) -> None:
    height = fake.element("message").size["height"]
    assert height == fake.element("send").size["height"], "one line"
    fake.run("document.querySelector('#message').focus()")
    fake.run("document.execCommand('insertText', false, 'one\\ntwo')")  # as a user pastes
    fake.element("message").send_keys(SHIFT + ENTER)
    fake.press("three")
    assert rows_of_the_box(fake) == 3
    assert fake.element("message").size["height"] > 2 * height - 30
    fake.press(ENTER)
    assert fake.run("return sockets[0].sent") == ["one\ntwo\nthree"]
    receive(fake, '"thanks"')
    fake.wait_until(lambda: rows_of_the_box(fake) == 1, "a box of one line")
    assert fake.element("message").size["height"] == height


def test_arrow_keys_move_within_a_text_of_several_lines(fake: Page) -> None:
    for text in ("one", "two\nlines"):
        say(fake, text)
    seen = []
    for key in (UP, UP, UP, DOWN, DOWN):
        fake.press(key)
        seen.append(fake.element("message").get_property("value"))
    assert seen == ["two\nlines", "two\nlines", "one", "two\nlines", ""]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("  two  spaces  ", id="spaces"),
        pytest.param("👩‍🚀 naïve 漢字 مرحبا", id="unicode"),
        pytest.param("a\u2028b\u2029c\u0085d", id="line separators"),
        pytest.param("'single' \"double\" back\\slash \\n \\u0041", id="quotes and escapes"),
        pytest.param("a\tb\u0000c", id="control characters"),
        pytest.param("<img src=x onerror=\"document.title='hacked'\">", id="image"),
        pytest.param("</pre><script>document.title='hacked'</script>", id="script"),
        pytest.param("&lt;b&gt; &amp;amp;", id="entities"),
        pytest.param("x" * 70_000, id="more than 64 KiB"),
    ],
)
def test_text_is_shown_unchanged(talk: Page, text: str) -> None:
    say(talk, text)
    talk.wait_for_lines(*GREETING, f">>> {text}", f"<<< {text} back")
    assert talk.run("return document.querySelector('#messages :not(span)')") is None
    assert talk.run("return document.title") == "WebSockets demo"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ('"a string"', "a string"),
        ('"two\\nlines"', "two\nlines"),
        ("not JSON", "not JSON"),
        ("", ""),
        ('{"an": "object"}', '{"an": "object"}'),
        ("null", "null"),
        ("1e400", "1e400"),
    ],
)
def test_a_message_that_is_not_a_json_string_is_shown_unchanged(
    fake: Page, data: str, shown: str
) -> None:
    fake.run("sockets[0].receive(arguments[0])", data)
    assert fake.lines[2:] == f"<<< {shown}".split("\n")


def test_a_binary_message_is_shown_by_its_size(fake: Page) -> None:
    fake.run("sockets[0].receive(new Blob(['abc']))")
    assert fake.lines[2:] == ["<<< (3 bytes of binary data)"]


# Earlier messages


def test_arrow_keys_bring_back_earlier_messages(fake: Page) -> None:
    for text in ("one", "two", "two", "three"):
        say(fake, text)
    seen = []
    for key in (UP, UP, UP, DOWN, DOWN, DOWN):
        fake.press(key)
        seen.append(fake.element("message").get_property("value"))
    assert seen == ["three", "two", "one", "two", "three", ""]


def test_the_draft_is_kept_while_going_through_earlier_messages(fake: Page) -> None:
    say(fake, "one")
    fake.press("draft" + UP)
    assert fake.element("message").get_property("value") == "one"
    fake.press(DOWN)
    assert fake.element("message").get_property("value") == "draft"
