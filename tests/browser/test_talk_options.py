"""The options of the panel Talk: address, format, subprotocols, and what is remembered."""

import pytest

from tests.support.browser import Page
from tests.support.servers import Server
from tests.support.talk import GREETING, address, choose, next_path, say

pytestmark = pytest.mark.slow


def test_the_route_is_chosen_and_used_at_once(talk: Page, server: Server) -> None:
    choose(talk, route="echo")
    assert next_path(talk) == "/echo"
    still = f"Not applied yet. Still connected to {server.ws_url}/WS.ashx."
    assert talk.element("address-note").text == still
    talk.click("apply")
    closed, opened = "### connection closed (1000)", "### connection open"
    talk.wait_for_lines(*GREETING, closed, opened)
    assert address(talk) == f"{server.ws_url}/echo"
    assert talk.element("address-note").text == ""
    say(talk, "plain")
    talk.wait_for_lines(*GREETING, closed, opened, ">>> plain", "<<< plain")


def in_view(page: Page, element_id: str) -> bool:
    return bool(
        page.run(
            "const { top, bottom } = document.getElementById(arguments[0]).getBoundingClientRect();"
            "return top >= 0 && bottom <= innerHeight && bottom > top",
            element_id,
        )
    )


def test_on_a_phone_the_state_and_the_log_are_in_view_after_apply(page: Page) -> None:
    page.emulate(390, 844, "light")
    page.open()
    page.wait_for_state("open")
    choose(page, route="echo", behaviour="close", after="3")
    page.run("document.getElementById('apply').scrollIntoView()")
    assert not in_view(page, "state")
    page.click("apply")
    page.wait_until(lambda: page.lines[-1] == "### connection open", "the other connection")
    assert in_view(page, "state")
    assert in_view(page, "messages")
    assert page.focus == "options-fold"
    page.emulate(1280, 800, "light")
    page.click("options-fold")
    page.click("apply")
    assert page.element("apply").is_displayed()  # On a wide screen there is room for both.


def test_the_bare_address_echoes(talk: Page) -> None:
    choose(talk, route="./")
    assert next_path(talk) == "/"
    talk.click("apply")
    talk.wait_until(lambda: talk.lines[-1] == "### connection open", "a connection")
    say(talk, "plain")
    talk.wait_until(lambda: talk.lines[-1] == "<<< plain", "an echo")


def test_an_invalid_field_is_unfolded(fake: Page) -> None:
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
    ("form", "text", "error"),
    [
        ("json", "{broken", "This is not valid JSON"),
        ("binary", "0", "only one hex digit"),
        ("binary", "xx", "two hex digits"),
    ],
)
def test_an_invalid_message_is_not_sent(fake: Page, form: str, text: str, error: str) -> None:
    choose(fake, format=form)
    say(fake, text)
    assert error in fake.element("message-error").text
    assert fake.element("message").get_attribute("aria-invalid") == "true"
    assert fake.run("return sockets[0].sent") == []
    fake.press("1")
    assert fake.element("message-error").text == ""


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


def test_options_are_remembered(fake: Page) -> None:
    choose(fake, route="echo", delay="2", format="json", reconnect=True)
    fake.open()
    assert next_path(fake) == "/echo?delay=2"
    assert fake.run("return sockets[0].address").endswith("/echo?delay=2")
    assert fake.element("options-summary").text == "JSON · delay=2"
    fake.click("options-reset")
    assert next_path(fake) == "/WS.ashx"
    fake.open()
    assert next_path(fake) == "/WS.ashx"


@pytest.mark.parametrize(
    "stored",
    ["{", "null", "[]", '{"fields": 1}', '{"fields": {"route": "nowhere", "close": "9"}}',
     '{"fields": {"route": "echo", "delay": "1000"}}'],
)  # fmt: skip
def test_invalid_stored_options_are_ignored(fake: Page, stored: str) -> None:
    fake.run("localStorage.setItem('websockets-demo.talk', arguments[0])", stored)
    fake.open()
    assert fake.run("return sockets[0].address").endswith("/WS.ashx")


def test_the_page_works_without_storage(page: Page) -> None:
    page.run_before_load(
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no'); } })"
    )
    page.open()
    page.wait_for_lines(*GREETING)
    choose(page, route="echo")
    page.click("apply")
    page.wait_until(lambda: "### connection closed (1000)" in page.lines, "the end of the first")
    page.wait_for_state("open")
