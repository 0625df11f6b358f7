"""The panel Handshake in a real browser, with and without a proxy."""

import pytest

from tests.support.browser import KEEP_SOCKETS, NAMED_HOST, Page
from tests.support.proxy import HOP_BY_HOP, NO_EXTENSIONS, Faults, Headers, Proxy
from tests.support.servers import Server
from tests.support.waiting import wait_until


def show(page: Page, url: str | None = None) -> None:
    """Open the panel and wait for the end of its handshake."""
    page.open("/#handshake", url=url)
    wait_for(page, "#handshake-state", "Connected in", "Not connected")


def wait_for(page: Page, selector: str, *texts: str) -> None:
    def describe() -> str:
        return f"none of {texts} in {page.text('#handshake')!r}"

    wait_until(lambda: any(text in page.text(selector) for text in texts), describe=describe)


def changes(page: Page) -> dict[str, str]:
    """The changes that the panel shows, by header."""
    facts: dict[str, str] = page.run(
        "return Object.fromEntries([...document.querySelectorAll('#handshake-changes > div')]"
        ".map((fact) => [...fact.children].map((part) => part.innerText)))"
    )
    return facts


def test_request_and_response_are_shown_as_text(page: Page) -> None:
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
        assert not any("does not know this header" in text for text in sentences)


def test_no_change_is_shown_without_a_proxy(page: Page) -> None:
    show(page)
    assert changes(page) == {}
    assert page.element("handshake-unchanged").is_displayed()


def test_the_panel_works_without_a_secure_context(page: Page, server: Server) -> None:
    show(page, url=f"http://{NAMED_HOST}:{server.port}")
    assert not page.run("return isSecureContext")
    assert changes(page) == {}
    assert page.text("#handshake-match") == "They match."


def test_the_accept_header_is_computed_from_the_key(page: Page) -> None:
    show(page)
    assert page.text("#handshake-computed") == page.text("#handshake-received")
    assert page.text("#handshake-match") == "They match."

    page.element("handshake-key").clear()
    page.element("handshake-key").send_keys("dGhlIHNhbXBsZSBub25jZQ==")  # RFC 6455, section 1.3
    assert page.text("#handshake-joined").startswith("dGhlIHNhbXBsZSBub25jZQ==258EAFA5-")
    assert page.text("#handshake-digest").replace(" ", "") == (
        "b37a4f2cc0624f1690f64606cf385945b2bec4ea"
    )
    assert page.text("#handshake-computed") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert page.text("#handshake-match") == "They differ."


@pytest.mark.parametrize(
    ("headers", "header", "expected"),
    [
        ({"X-Forwarded-For": "203.0.113.7"}, "X-Forwarded-For", "Added by a proxy"),
        ({"Via": "1.1 proxy.test"}, "Via", "Added by a proxy"),
        ({"X-Tricks": "yes"}, "X-Tricks", "Added by a proxy"),
        ({"User-Agent": "curl"}, "User-Agent", "Changed by a proxy: this browser sent “Mozilla"),
        ({"Accept-Language": "tlh"}, "Accept-Language", "Perhaps changed by a proxy"),
        ({"Accept-Encoding": "gzip"}, "Accept-Encoding", "Probably changed by a proxy"),
        ({"Connection": "upgrade"}, "Connection", "Rewritten by a proxy"),
        (NO_EXTENSIONS, "Sec-Websocket-Extensions", "Without it there is no compression."),
        ({"Origin": None}, "Origin", "Removed by a proxy"),
    ],
)
def test_a_change_by_a_proxy_is_shown(
    page: Page, proxy: Proxy, headers: Headers, header: str, expected: str
) -> None:
    proxy.faults = Faults(request=headers)
    show(page, url=proxy.url)
    found = {name.lower(): text for name, text in changes(page).items()}
    assert list(found) == [header.lower()]
    assert expected in found[header.lower()]
    assert not page.element("handshake-unchanged").is_displayed()


def test_a_host_that_a_proxy_changes_and_tells_is_shown(page: Page, proxy: Proxy) -> None:
    own = proxy.url.removeprefix("http://")
    proxy.faults = Faults(request={"Host": "backend:9000", "X-Forwarded-Host": own})
    show(page, url=proxy.url)
    assert changes(page)["Host"] == f"Changed by a proxy: this browser sent “{own}”."


def test_a_report_refused_for_a_changed_host_is_explained(page: Page, proxy: Proxy) -> None:
    proxy.faults = Faults(request={"Host": "backend:9000"})
    show(page, url=proxy.url)
    wait_for(page, "#handshake-failure", "backend:9000 arrived")
    assert "\nHost: backend:9000\n" in page.text("#handshake-arrived-request")
    assert "write X-Forwarded-Host" in page.text("#handshake-advice")
    page.take_console_errors()


def test_an_added_header_is_marked_in_the_request(page: Page, proxy: Proxy) -> None:
    proxy.faults = Faults(request={"Via": "1.1 proxy.test"})
    show(page, url=proxy.url)
    assert page.text("#handshake-request mark") == "Via: 1.1 proxy.test"


def test_extensions_lost_from_the_response_are_shown(page: Page, proxy: Proxy) -> None:
    proxy.faults = Faults(response=NO_EXTENSIONS)
    show(page, url=proxy.url)
    (text,) = changes(page).values()
    assert "Changed in the response" in text
    assert "this browser got “none”" in text


def test_a_cookie_is_shown_masked(page: Page) -> None:
    page.open()
    page.run("document.cookie = 'secret=value'")
    show(page)
    page.run("document.cookie = 'secret=; max-age=0'")
    assert "value" not in page.text("#handshake-request")
    assert "Cookie: (masked" in page.text("#handshake-request")
    assert "The server masked its value." in page.text("#handshake-request-headers")


def test_a_subprotocol_is_offered_and_agreed(page: Page) -> None:
    show(page)
    page.element("handshake-protocol").send_keys("chat.v2")
    page.click("handshake-run")
    wait_for(page, "#handshake-request", "Sec-WebSocket-Protocol: chat.v2")
    assert "Sec-WebSocket-Protocol: chat.v2" in page.text("#handshake-response")
    assert changes(page) == {}


def test_an_invalid_subprotocol_is_not_offered(page: Page) -> None:
    page.run_before_load(KEEP_SOCKETS)
    show(page)
    before = opened(page)
    page.element("handshake-protocol").send_keys("two words")
    page.click("handshake-run")
    assert "“two words” is not a valid subprotocol name." in page.run(
        "return document.querySelector('#handshake :invalid:not(form)').validationMessage"
    )
    assert opened(page) == before


def test_a_lost_subprotocol_is_distinguished_from_a_lost_upgrade(page: Page, proxy: Proxy) -> None:
    proxy.faults = Faults(request={"Sec-WebSocket-Protocol": None})
    show(page, url=proxy.url)
    page.element("handshake-protocol").send_keys("chat.v2")
    page.click("handshake-run")
    wait_for(page, "#handshake-failure", "The connection opens without a subprotocol.")
    page.take_console_errors()


def test_a_failure_is_explained_and_can_be_tried_again(page: Page, proxy: Proxy) -> None:
    proxy.faults = Faults(request=HOP_BY_HOP)
    show(page, url=proxy.url)
    wait_for(
        page, "#handshake-failure", "A proxy passes the request on without Upgrade or Connection"
    )
    assert not page.element("handshake-result").is_displayed()
    page.take_console_errors()

    proxy.faults = Faults()
    page.click("handshake-run")
    wait_for(page, "#handshake-state", "Connected in")
    assert not page.element("handshake-failure").is_displayed()
    assert page.element("handshake-result").is_displayed()


def test_the_panel_connects_only_once_visible(page: Page) -> None:
    page.run_before_load(KEEP_SOCKETS)
    page.open()
    page.wait_for_state("open")
    assert opened(page) == ["WS.ashx"]
    page.click("tab-handshake")
    wait_for(page, "#handshake-state", "Connected in")
    assert opened(page) == ["WS.ashx", "inspect"]


def opened(page: Page) -> list[str]:
    """The paths that WebSockets were opened at, in order."""
    paths: list[str] = page.run("return sockets.map(({ url }) => new URL(url).pathname.slice(1))")
    return paths
