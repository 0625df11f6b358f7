"""What the Handshake panel shows in a real browser, with and without something in between."""

import pytest

from tests.support.browser import KEEP_SOCKETS, NAMED_HOST, Page
from tests.support.proxy import HOP_BY_HOP, NO_EXTENSIONS, Faults, Headers, Proxy
from tests.support.servers import Server
from tests.support.waiting import wait_until


def show(page: Page, url: str | None = None) -> None:
    """Open the panel and wait for the end of its handshake."""
    page.open("/#handshake", url=url)
    wait_for(page, "#handshake-state", "Agreed in", "No connection")


def wait_for(page: Page, selector: str, *texts: str) -> None:
    def describe() -> str:
        return f"none of {texts} in {page.text('#handshake')!r}"

    wait_until(lambda: any(text in page.text(selector) for text in texts), describe=describe)


def inferred(page: Page) -> dict[str, str]:
    """What the panel says was done on the way, by header."""
    facts: dict[str, str] = page.run(
        "return Object.fromEntries([...document.querySelectorAll('#handshake-inferred > div')]"
        ".map((fact) => [...fact.children].map((part) => part.innerText)))"
    )
    return facts


def test_both_halves_are_shown_as_text(page: Page) -> None:
    show(page)
    request, response = page.text("#handshake-request"), page.text("#handshake-response")
    assert request.startswith("GET /inspect HTTP/1.1\n")
    assert "\nUpgrade: websocket\n" in request
    assert "\nHost: 127.0.0.1:" in request
    assert response.startswith("HTTP/1.1 101 Switching Protocols\n")
    assert "\nSec-WebSocket-Accept: " in response
    assert "WSGI" in page.text("#handshake-caveat")


def test_each_header_is_explained(page: Page) -> None:
    show(page)
    for half in ("request", "response"):
        names, sentences, lines = page.run(
            "const all = (part) => [...document.querySelectorAll("
            f"'#handshake-{half}-headers ' + part)].map((found) => found.innerText);"
            "return [all('dt'), all('dd'),"
            f" document.querySelector('#handshake-{half}').innerText.trim().split('\\n')]"
        )
        assert names == [line.split(":")[0] for line in lines[1:]]
        assert len(sentences) == len(names)
        assert all(sentence.endswith(".") for sentence in sentences)
        assert not any("Not a header that this page knows" in text for text in sentences)


def test_nothing_is_inferred_where_nothing_is_in_between(page: Page) -> None:
    show(page)
    assert inferred(page) == {}
    assert page.element("handshake-direct").is_displayed()


def test_the_panel_works_in_full_on_plain_http_under_a_name(page: Page, server: Server) -> None:
    show(page, url=f"http://{NAMED_HOST}:{server.port}")
    assert not page.run("return isSecureContext")
    assert inferred(page) == {}
    assert page.text("#handshake-match") == "The same. They agree."


def test_the_answer_is_computed_from_the_key_and_follows_it(page: Page) -> None:
    show(page)
    assert page.text("#handshake-computed") == page.text("#handshake-said")
    assert page.text("#handshake-match") == "The same. They agree."

    page.element("handshake-key").clear()
    page.element("handshake-key").send_keys("dGhlIHNhbXBsZSBub25jZQ==")  # RFC 6455, section 1.3
    assert page.text("#handshake-joined").startswith("dGhlIHNhbXBsZSBub25jZQ==258EAFA5-")
    assert page.text("#handshake-digest").replace(" ", "") == (
        "b37a4f2cc0624f1690f64606cf385945b2bec4ea"
    )
    assert page.text("#handshake-computed") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert page.text("#handshake-match") == "Not the same."


@pytest.mark.parametrize(
    ("headers", "header", "words"),
    [
        ({"X-Forwarded-For": "203.0.113.7"}, "X-Forwarded-For", "Added on the way"),
        ({"Via": "1.1 proxy.test"}, "Via", "Added on the way"),
        ({"X-Tricks": "yes"}, "X-Tricks", "Added on the way"),
        ({"Host": "backend:9000"}, "Host", "Changed on the way: this browser sent “127.0.0.1:"),
        ({"User-Agent": "curl"}, "User-Agent", "Changed on the way: this browser sent “Mozilla"),
        ({"Accept-Language": "tlh"}, "Accept-Language", "Perhaps changed on the way"),
        ({"Accept-Encoding": "gzip"}, "Accept-Encoding", "Probably changed on the way"),
        ({"Connection": "upgrade"}, "Connection", "Written anew on the way"),
        (NO_EXTENSIONS, "Sec-Websocket-Extensions", "Without it there is no compression."),
        ({"Origin": None}, "Origin", "Taken away on the way"),
    ],
)
def test_what_a_proxy_did_is_inferred(
    page: Page, proxy: Proxy, headers: Headers, header: str, words: str
) -> None:
    proxy.faults = Faults(request=headers)
    show(page, url=proxy.url)
    found = {name.lower(): text for name, text in inferred(page).items()}
    assert list(found) == [header.lower()]
    assert words in found[header.lower()]
    assert not page.element("handshake-direct").is_displayed()


def test_what_was_inferred_is_marked_in_the_text(page: Page, proxy: Proxy) -> None:
    proxy.faults = Faults(request={"Via": "1.1 proxy.test"})
    show(page, url=proxy.url)
    assert page.text("#handshake-request mark") == "Via: 1.1 proxy.test"


def test_an_answer_that_lost_its_extensions_on_the_way_back_is_told(
    page: Page, proxy: Proxy
) -> None:
    proxy.faults = Faults(response=NO_EXTENSIONS)
    show(page, url=proxy.url)
    (text,) = inferred(page).values()
    assert "Changed on the way back" in text
    assert "this browser got “nothing”" in text


def test_a_cookie_is_shown_masked(page: Page) -> None:
    page.open()
    page.run("document.cookie = 'secret=value'")
    show(page)
    page.run("document.cookie = 'secret=; max-age=0'")
    assert "value" not in page.text("#handshake-request")
    assert "Cookie: (masked" in page.text("#handshake-request")
    assert "Masked here by the server." in page.text("#handshake-request-headers")


def test_a_subprotocol_is_offered_and_agreed(page: Page) -> None:
    show(page)
    page.element("handshake-protocol").send_keys("chat.v2")
    page.click("handshake-run")
    wait_for(page, "#handshake-request", "Sec-WebSocket-Protocol: chat.v2")
    assert "Sec-WebSocket-Protocol: chat.v2" in page.text("#handshake-response")
    assert inferred(page) == {}


def test_what_cannot_be_a_subprotocol_is_not_offered(page: Page) -> None:
    page.run_before_load(KEEP_SOCKETS)
    show(page)
    before = opened(page)
    page.element("handshake-protocol").send_keys("two words")
    page.click("handshake-run")
    assert "“two words” is not a valid subprotocol name." in page.run(
        "return document.querySelector('#handshake :invalid:not(form)').validationMessage"
    )
    assert opened(page) == before


def test_a_subprotocol_that_is_lost_on_the_way_is_told_from_a_lost_upgrade(
    page: Page, proxy: Proxy
) -> None:
    proxy.faults = Faults(request={"Sec-WebSocket-Protocol": None})
    show(page, url=proxy.url)
    page.element("handshake-protocol").send_keys("chat.v2")
    page.click("handshake-run")
    wait_for(page, "#handshake-trouble", "Without a subprotocol it opens.")
    page.take_console_errors()


def test_no_connection_is_told_in_words_and_can_be_tried_again(page: Page, proxy: Proxy) -> None:
    proxy.faults = Faults(request=HOP_BY_HOP)
    show(page, url=proxy.url)
    wait_for(page, "#handshake-trouble", "drops the headers Upgrade and Connection")
    assert not page.element("handshake-result").is_displayed()
    page.take_console_errors()

    proxy.faults = Faults()
    page.click("handshake-run")
    wait_for(page, "#handshake-state", "Agreed in")
    assert not page.element("handshake-trouble").is_displayed()
    assert page.element("handshake-result").is_displayed()


def test_nothing_is_opened_before_the_panel_is_seen(page: Page) -> None:
    page.run_before_load(KEEP_SOCKETS)
    page.open()
    page.wait_for_state("open")
    assert opened(page) == ["WS.ashx"]
    page.click("tab-handshake")
    wait_for(page, "#handshake-state", "Agreed in")
    assert opened(page) == ["WS.ashx", "inspect"]


def opened(page: Page) -> list[str]:
    """The paths that WebSockets were opened at, in order."""
    paths: list[str] = page.run("return sockets.map(({ url }) => new URL(url).pathname.slice(1))")
    return paths
