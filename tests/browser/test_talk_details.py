"""The list of entries in the panel Talk: sizes, round trips, filter, pause."""

import re

import pytest

from tests.support.browser import Page
from tests.support.keys import CONTROL, HOME
from tests.support.talk import (
    DURATION,
    GREETING,
    choose,
    contents,
    receive,
    round_trips,
    rows,
    say,
    show_details,
    wait_for_contents,
)

pytestmark = pytest.mark.slow

ALL = CONTROL + "a" + CONTROL  # selects all text of a field

# The first view


def test_the_first_view_is_the_conversation_alone(talk: Page) -> None:
    assert talk.element("messages").is_displayed()
    assert talk.element("message").is_displayed()
    assert not talk.element("details").is_displayed()
    assert not talk.element("apply").is_displayed()
    assert not talk.element("times").is_displayed()
    assert not talk.element("entry").is_displayed()


def test_one_view_of_the_log_is_shown_and_remembered(talk: Page) -> None:
    talk.click("view-details")
    assert not talk.element("messages").is_displayed()
    assert talk.element("details").is_displayed()
    say(talk, "one")
    talk.wait_until(lambda: contents(talk)[-1] == '"one back"', "the reply in the list")
    talk.wait_for_lines(*GREETING, ">>> one", "<<< one back")
    talk.open()
    assert talk.element("details").is_displayed()
    talk.click("view-log")
    assert talk.element("messages").is_displayed()
    assert not talk.element("details").is_displayed()


def test_the_details_say_which_address_the_page_connects_to(talk: Page) -> None:
    show_details(talk)
    own = talk.element("address").get_property("value")
    shown = talk.run("return document.querySelector('#entries').innerText")
    assert f"connecting to {own}" in shown
    assert len(talk.lines) == 3


# The list


def test_each_message_has_its_size_and_round_trip(talk: Page) -> None:
    say(talk, "naïve")
    talk.wait_until(lambda: len(rows(talk)) == 5, "five entries")
    first, opened, greeting, sent, reply = rows(talk)
    assert first == ["###", "websockets supported", "", ""]
    assert opened == ["###", "connection open", "", ""]
    assert greeting == ["<<<", '"hello from server"', "19 B", ""]
    assert sent[:3] == [">>>", "naïve", "6 B"]
    talk.wait_until(lambda: re.fullmatch(DURATION, rows(talk)[3][3]), "a round trip")
    assert reply == ["<<<", '"naïve back"', "13 B", ""]


def test_each_entry_has_its_time_to_the_millisecond(talk: Page) -> None:
    talk.wait_until(lambda: len(rows(talk)) == 3, "three entries")
    times = talk.run(
        "return [...document.querySelectorAll('#entries .time')].map((t) => t.textContent)"
    )
    assert len(times) == 4
    assert all(re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3}", time) for time in times)
    assert times == sorted(times)


def test_a_message_without_a_reply_is_marked_as_waiting(fake: Page) -> None:
    say(fake, "one")
    fake.wait_until(lambda: round_trips(fake) == ["waiting"], "a waiting message")
    receive(fake, '"another back"', "one back", '{"tick": 1}')
    fake.wait_until(lambda: len(rows(fake)) == 6, "the received messages")
    assert round_trips(fake) == ["waiting"]
    receive(fake, '"one back"')
    fake.wait_until(lambda: round_trips(fake)[0].endswith(" ms"), "a round trip")


def test_a_message_without_a_reply_at_the_end_is_marked(fake: Page) -> None:
    say(fake, "one")
    fake.run("sockets[0].end(1006, '')")
    fake.wait_until(lambda: len(rows(fake)) == 4, "the end")
    assert rows(fake)[2] == [">>>", "one", "3 B", "no reply"]


def test_a_reply_belongs_to_the_oldest_waiting_message(fake: Page) -> None:
    choose(fake, route="echo")
    fake.click("apply")
    fake.run("sockets[0].end(1000, ''); sockets[1].accept()")
    for text in ("same", "same", "other"):
        say(fake, text)
    receive(fake, "other", '{"tick": 1}', "same")

    def trips() -> list[str]:
        return [trip[-2:] for trip in round_trips(fake)]

    fake.wait_until(lambda: trips() == ["ms", "ng", "ng"], "a reply to the first only")
    receive(fake, "same", "other")
    fake.wait_until(lambda: trips() == ["ms", "ms", "ms"], "a reply to all")


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
    show_details(fake)
    receive(fake, "Alpha", "beta")
    say(fake, "alphabet")
    fake.element("filter").send_keys("ALPHA")
    wait_for_contents(fake, "Alpha", "alphabet")
    receive(fake, "gamma", "alpha too")
    wait_for_contents(fake, "Alpha", "alphabet", "alpha too")
    fake.element("kind").send_keys("Sent")
    wait_for_contents(fake, "alphabet")
    assert "1 of 8" in fake.element("count").text
    assert len(fake.lines) == 7


def test_the_filter_takes_a_regular_expression(fake: Page) -> None:
    show_details(fake)
    receive(fake, "Alpha 12", "alpha", "beta 7")
    box = fake.element("filter")
    box.send_keys("/a.* [0-9]+$/")
    wait_for_contents(fake, "Alpha 12", "beta 7")
    box.send_keys(ALL + "/(/")
    assert box.get_attribute("aria-invalid") == "true"
    box.send_keys(ALL + "alpha")
    wait_for_contents(fake, "Alpha 12", "alpha")
    assert box.get_attribute("aria-invalid") is None


def test_an_empty_list_says_why(fake: Page) -> None:
    show_details(fake)
    none = fake.element("no-entries")
    assert not none.is_displayed()
    fake.element("filter").send_keys("one, but not this")
    fake.wait_until(lambda: none.text == "No entry passes the filter.", "a sentence")
    fake.click("clear")
    fake.wait_until(lambda: none.text == "The log is empty.", "another sentence")
    fake.element("filter").send_keys(ALL + "one")
    receive(fake, "one")
    wait_for_contents(fake, "one")
    assert not none.is_displayed()


def test_a_pause_keeps_new_entries_for_later(fake: Page) -> None:
    fake.wait_until(lambda: len(rows(fake)) == 2, "the first entries")
    fake.click("pause")
    receive(fake, "one", "two")
    fake.wait_until(lambda: "2 new while paused" in fake.element("count").text, "two new")
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


def test_a_reply_after_a_clear_is_still_timed(fake: Page) -> None:
    say(fake, "one")
    fake.click("clear")
    receive(fake, '"one back"')
    fake.wait_until(lambda: fake.element("replies").text == "1", "a round trip")


def test_the_details_keep_the_newest_thousand(fake: Page) -> None:
    show_details(fake)
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


def test_new_entries_do_not_move_the_entry_being_read(fake: Page) -> None:
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


def test_messages_that_arrive_together_are_drawn_once(fake: Page) -> None:
    """Drawing is the cost of a message, so it is paid once for all that arrived together."""
    show_details(fake)
    fake.run(
        "window.drawings = 0;"
        "new MutationObserver((records) => (drawings += records.length))"
        "  .observe(document.getElementById('entries'), { childList: true });"
        "for (let i = 0; i < 500; i++) sockets[0].receive(String(i));"
    )
    fake.wait_until(lambda: contents(fake)[-1] == "499", "the newest")
    assert fake.run("return drawings") < 5


def test_markup_in_a_message_is_shown_as_text(fake: Page) -> None:
    receive(fake, "<img src=x onerror=\"document.title='hacked'\">")
    fake.wait_until(lambda: len(rows(fake)) == 3, "the message")
    fake.run("document.querySelector('#entries > :last-child').click()")
    assert fake.run("return document.querySelector('#details img')") is None
    assert fake.element("entry-content").text.startswith("<img")
