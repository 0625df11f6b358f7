"""The panel Handshake in a real browser, with and without a proxy."""

import pytest

from tests.support.browser import KEEP_SOCKETS, NAMED_HOST, Page
from tests.support.diagnose import CATCH_COPIES, Panel
from tests.support.modules import call
from tests.support.nginx import nginx_with
from tests.support.proxy import HOP_BY_HOP, NO_EXTENSIONS, Faults, Headers, Proxy
from tests.support.servers import Server, StartServer
from tests.support.waiting import wait_until

# A proxy that takes a prefix away and does not say so.
PREFIXED = """
map $http_upgrade $connection_upgrade { default upgrade; '' close; }
server {
    listen 127.0.0.1:PORT;
    location /ws/ {
        proxy_pass http://BACKEND/;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        proxy_set_header Host $http_host;
        sub_filter 'href="/' 'href="/ws/';
        sub_filter 'src="/' 'src="/ws/';
        sub_filter_once off;
    }
}
"""

# The rules of the diagnosis do not load.
WITHOUT_RULES = """
const trulyFetch = window.fetch;
window.fetch = (url, options) => (url === "diagnosis.json"
  ? Promise.reject(new TypeError("no rules")) : trulyFetch(url, options));
"""


def show(page: Page, url: str | None = None, path: str = "/#handshake") -> None:
    """Open the panel and wait for the end of its handshake."""
    page.open(path, url=url)
    wait_for(page, "#handshake-state", "Connected in", "Not connected")


def wait_for(page: Page, selector: str, *texts: str) -> None:
    def describe() -> str:
        return f"none of {texts} in {page.text('#handshake')!r}"

    wait_until(lambda: any(text in page.text(selector) for text in texts), describe=describe)


def lines(page: Page, half: str = "request") -> dict[str, str]:
    """The explanations of the lines that the panel shows, by the beginning of the line."""
    found = page.run(
        "const rows = [...document.querySelectorAll(`#handshake-${arguments[0]} > div`)];"
        "return rows.map((row) => [...row.children].map((part) => part.innerText))",
        half,
    )
    return {raw.split(":")[0]: explanation for raw, explanation in found}


def changes(page: Page, half: str = "request") -> dict[str, str]:
    """The changes that the panel shows beside the lines, by header."""
    found: dict[str, str] = page.run(
        "const rows = [...document.querySelectorAll(`#handshake-${arguments[0]} > [data-kind]`)];"
        "return Object.fromEntries(rows.map((row) => ["
        "  row.querySelector('dt').innerText.split(':')[0],"
        "  row.querySelector('.change').innerText]))",
        half,
    )
    return found


def copied(page: Page, half: str) -> str:
    """Press the button that copies one half, and return the copy."""
    page.click(f"handshake-copy-{half}")
    wait_for(page, f"#handshake-copied-{half}", "Copied.")
    return str(page.run("return copied"))


def test_request_and_response_can_be_copied_as_text(page: Page) -> None:
    page.run_before_load(CATCH_COPIES)
    show(page)
    request, response = copied(page, "request"), copied(page, "response")
    assert request.startswith("GET /inspect HTTP/1.1\n")
    assert "\nUpgrade: websocket\n" in request
    assert "\nHost: 127.0.0.1:" in request
    assert response.startswith("HTTP/1.1 101 Switching Protocols\n")
    assert "\nSec-WebSocket-Accept: " in response
    assert "WSGI" in page.text("#handshake-caveat")


def test_each_line_is_explained_once_and_beside_it(page: Page) -> None:
    page.run_before_load(CATCH_COPIES)
    show(page)
    for half in ("request", "response"):
        raw = copied(page, half).split("\n")
        explained = lines(page, half)
        assert list(explained) == [line.split(":")[0] for line in raw]
        assert all(sentence.endswith(".") for sentence in explained.values())
        assert not any("does not know this header" in text for text in explained.values())


def test_an_unknown_header_is_called_unknown(page: Page, proxy: Proxy) -> None:
    proxy.faults = Faults(request={"X-Tricks": "yes"})
    show(page, url=proxy.url)
    assert (
        "This page does not know this header; ask whoever runs the proxies."
        in lines(page)["X-Tricks"]
    )
    assert "(normal)" not in changes(page)["X-Tricks"]


def test_no_change_is_shown_without_a_proxy(page: Page) -> None:
    show(page)
    assert changes(page) == changes(page, "response") == {}
    assert page.text("#handshake-harmful") == page.text("#handshake-harmless") == ""
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("headers", "header", "expected"),
    [
        ({"X-Forwarded-For": "203.0.113.7"}, "X-Forwarded-For", "Added by a proxy (normal)"),
        ({"Via": "1.1 proxy.test"}, "Via", "Added by a proxy (normal)"),
        ({"X-Tricks": "yes"}, "X-Tricks", "Added by a proxy:"),
        ({"User-Agent": "curl"}, "User-Agent", "Changed by a proxy: sent: Mozilla"),
        ({"User-Agent": None}, "User-Agent", "Removed by a proxy: sent: Mozilla"),
        ({"Accept-Language": "tlh"}, "Accept-Language", "Perhaps changed by a proxy"),
        ({"Accept-Encoding": "gzip"}, "Accept-Encoding", "Probably changed by a proxy"),
        ({"Connection": "upgrade"}, "Connection",
         "Rewritten by a proxy (normal): sent: Upgrade \u2192 arrived: upgrade."),
    ],
)  # fmt: skip
def test_a_harmless_change_is_shown_beside_its_line(
    page: Page, proxy: Proxy, headers: Headers, header: str, expected: str
) -> None:
    proxy.faults = Faults(request=headers)
    show(page, url=proxy.url)
    found = changes(page)
    assert list(found) == [header]
    assert expected in found[header]
    assert "harmful" not in found[header]
    assert page.text("#handshake-harmful") == "No harmful changes"
    assert page.text("#handshake-harmless").startswith("1 harmless change\n")
    assert header in page.text("#handshake-harmless")
    assert not page.element("handshake-unchanged").is_displayed()


@pytest.mark.parametrize(
    ("headers", "header", "check"),
    [
        (NO_EXTENSIONS, "Sec-WebSocket-Extensions", "compression"),
        ({"Origin": None}, "Origin", "origin"),
    ],
)
def test_a_harmful_change_is_judged_as_diagnose_judges_it(
    page: Page, proxy: Proxy, headers: Headers, header: str, check: str
) -> None:
    proxy.faults = Faults(request=headers)
    show(page, url=proxy.url)
    assert "Removed by a proxy, harmful: sent: " in changes(page)[header]
    assert changes(page)[header].endswith("\u2192 arrived: nothing.")
    harmful = page.text("#handshake-harmful")
    assert harmful.startswith(f"1 harmful change\n{header} removed notable\n")
    panel = Panel(page)
    page.click("tab-diagnose")
    assert panel.run(check) == "notable"
    meaning = page.run(f"return document.querySelector('#check-{check}').textContent")
    assert harmful.split("\n")[2] in meaning


def test_a_harmful_change_has_lines_to_paste(page: Page, proxy: Proxy) -> None:
    proxy.faults = Faults(request={"Origin": None})
    show(page, url=proxy.url)
    page.run("document.querySelector('#handshake-harmful details').open = true")
    assert "nginx" in page.text("#handshake-harmful .cures")


def test_a_changed_origin_is_harmful(page: Page, start_server: StartServer) -> None:
    other = "http://elsewhere.test"
    server = start_server("gunicorn", ALLOWED_ORIGINS=other)  # /inspect would refuse the page
    with Proxy(server.port, faults=Faults(request={"Origin": other})) as proxy:
        show(page, url=proxy.url)
        assert changes(page)["Origin"] == (
            f"Changed by a proxy, harmful: sent: {proxy.url} \u2192 arrived: {other}."
        )
        assert "A proxy changes Origin" in page.text("#handshake-harmful")
        page.leave()


def test_a_host_that_a_proxy_changes_and_tells_is_harmless(page: Page, proxy: Proxy) -> None:
    own = proxy.url.removeprefix("http://")
    proxy.faults = Faults(request={"Host": "backend:9000", "X-Forwarded-Host": own})
    show(page, url=proxy.url)
    assert changes(page)["Host"] == (
        f"Changed by a proxy: sent: {own} \u2192 arrived: backend:9000."
        " A proxy changes Host, and says so in X-Forwarded-Host."
    )
    assert page.text("#handshake-harmful") == "No harmful changes"


def test_a_path_without_its_prefix_is_harmful(page: Page, server: Server) -> None:
    with nginx_with(PREFIXED, server.port) as port:
        show(page, url=f"http://127.0.0.1:{port}/ws")
        assert (
            "sent: /ws/inspect \u2192 arrived: /inspect." in changes(page)["GET /inspect HTTP/1.1"]
        )
        assert "write X-Forwarded-Prefix" in page.text("#handshake-harmful")
        page.leave()
        page.take_console_errors()


ARRIVED = {
    "Connection": "Upgrade",
    "Host": "echo.test",
    "Origin": "https://echo.test",
    "Sec-WebSocket-Extensions": "permessage-deflate",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
    "Upgrade": "websocket",
    "User-Agent": "a browser",
}
BROWSER = {
    "href": "https://echo.test/",
    "userAgent": "a browser",
    "language": "en",
    "protocols": [],
    "extensions": "permessage-deflate",
}


def inferred(page: Page, arrived: dict[str, str], **browser: object) -> list[dict[str, object]]:
    """The changes that are inferred from a request, which arrived by TLS."""
    report = {
        "request": {"line": "GET /inspect HTTP/1.1", "headers": list(arrived.items())},
        "response": {
            "head": "HTTP/1.1 101 Switching Protocols\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
        },
        "limits": {"compression": True},
        "tls": {"version": "TLSv1.3"},
    }
    module = "handshake/inferred-changes.js"
    found = call(page, module, "inferChanges", report, {**BROWSER, **browser})
    return list(found)


def test_nothing_is_inferred_from_an_unchanged_request(page: Page) -> None:
    assert inferred(page, ARRIVED) == []


@pytest.mark.parametrize(
    ("header", "value", "kind"),
    [
        ("Connection", "upgrade", "rewritten"),
        ("Connection", "keep-alive, Upgrade", None),  # Firefox
        ("Connection", "close", "changed"),
        ("Upgrade", "WebSocket", "rewritten"),
        ("Upgrade", "h2c", "changed"),
        ("Sec-WebSocket-Protocol", "chat", "added"),
        ("Host", "ECHO.test", "changed"),
    ],
)
def test_a_change_of_the_upgrade_is_told_from_another_spelling(
    page: Page, header: str, value: str, kind: str | None
) -> None:
    found = inferred(page, {**ARRIVED, header: value})
    assert [(change["header"], change["kind"]) for change in found] == (
        [(header, kind)] if kind else []
    )
    if kind:
        assert ("breaks" in found[0]) == (value in ("close", "h2c", "chat"))


def test_a_removed_subprotocol_breaks_it(page: Page) -> None:
    (change,) = inferred(page, ARRIVED, protocols=["chat"])
    assert (change["header"], change["kind"], change["sent"]) == (
        "Sec-WebSocket-Protocol", "removed", "chat",
    )  # fmt: skip
    assert "drops the connection" in change["breaks"]["meaning"]  # type: ignore[index]


def test_rules_that_do_not_load_are_named(page: Page, proxy: Proxy) -> None:
    proxy.faults = Faults(request={"Origin": None})
    page.run_before_load(WITHOUT_RULES)
    show(page, url=proxy.url)
    assert "could not load the rules" in page.text("#handshake-harmful")


def test_a_report_refused_for_a_changed_host_is_explained(page: Page, proxy: Proxy) -> None:
    proxy.faults = Faults(request={"Host": "backend:9000"})
    show(page, url=proxy.url)
    wait_for(page, "#handshake-failure", "backend:9000 arrived")
    host = changes(page, "arrived-request")["Host"]
    assert host.endswith("\u2192 arrived: backend:9000.")
    assert "trace=" not in page.text("#handshake-arrived-request")
    assert "write X-Forwarded-Host" in page.text("#handshake-advice")
    page.take_console_errors()


def test_an_added_header_is_marked_in_the_request(page: Page, proxy: Proxy) -> None:
    proxy.faults = Faults(request={"Via": "1.1 proxy.test"})
    show(page, url=proxy.url)
    assert page.text("#handshake-request mark") == "Via: 1.1 proxy.test"


def test_extensions_lost_from_the_response_are_shown(page: Page, proxy: Proxy) -> None:
    proxy.faults = Faults(response=NO_EXTENSIONS)
    show(page, url=proxy.url)
    assert changes(page) == {}
    text = changes(page, "response")["Sec-WebSocket-Extensions"]
    assert text.startswith("Removed by a proxy, harmful: sent: permessage-deflate")
    assert "removed bad" in page.text("#handshake-harmful")


def test_a_cookie_is_shown_masked(page: Page) -> None:
    page.open()
    page.run("document.cookie = 'secret=value'")
    show(page)
    page.run("document.cookie = 'secret=; max-age=0'")
    assert "secret" not in page.text("#handshake-request")
    assert "Cookie: (masked" in page.text("#handshake-request")
    assert "The server masked its value." in lines(page)["Cookie"]


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
    arrived = changes(page, "arrived-request")
    assert arrived["Upgrade"].startswith("Removed by a proxy, harmful: sent: websocket")
    assert arrived["Connection"].startswith("Changed by a proxy, harmful: sent: Upgrade")
    page.take_console_errors()

    proxy.faults = Faults()
    page.click("handshake-run")
    wait_for(page, "#handshake-state", "Connected in")
    assert not page.element("handshake-failure").is_displayed()
    assert page.element("handshake-result").is_displayed()


def test_a_link_offers_its_subprotocol(page: Page) -> None:
    page.open("/#handshake?protocol=chat.v2")
    wait_for(page, "#handshake-request", "Sec-WebSocket-Protocol: chat.v2")
    assert page.element("handshake-protocol").get_attribute("value") == "chat.v2"
    assert page.text("#handshake-link-error") == ""
    page.run("location.hash = '#handshake?protocol=soap'")
    wait_for(page, "#handshake-request", "Sec-WebSocket-Protocol: soap")


def test_a_link_that_comes_while_connecting_is_followed(page: Page) -> None:
    page.run_before_load(KEEP_SOCKETS)
    page.open()
    page.run(
        "location.hash = '#handshake?protocol=first';"
        "addEventListener('hashchange',"
        "  () => { location.hash = '#handshake?protocol=second'; }, { once: true })"
    )
    wait_for(page, "#handshake-request", "Sec-WebSocket-Protocol: second")
    protocols = page.run("return sockets.map(({ protocol }) => protocol).filter(Boolean)")
    assert protocols == ["first", "second"]


def test_a_bad_subprotocol_in_a_link_is_named_and_ignored(page: Page) -> None:
    show(page, path="/#handshake?protocol=two%20words&speed=1")
    error = page.text("#handshake-link-error")
    assert "protocol=two words in the link is not allowed: use letters, digits and !#$" in error
    assert "“speed” is not an option of this link: use protocol." in error
    assert "Sec-WebSocket-Protocol" not in lines(page)


def test_the_link_follows_the_subprotocol(page: Page) -> None:
    show(page)
    page.element("handshake-protocol").send_keys("chat")
    assert page.run("return location.hash") == "#handshake?protocol=chat"
    page.element("handshake-protocol").send_keys(" room")  # is no valid name
    assert page.run("return location.hash") == "#handshake?protocol=chat"
    page.element("handshake-protocol").clear()
    assert page.run("return location.hash") == "#handshake"


def test_a_visit_to_another_panel_keeps_the_subprotocol_and_its_handshake(page: Page) -> None:
    page.run_before_load(KEEP_SOCKETS)
    page.open("/#handshake?protocol=chat")
    wait_for(page, "#handshake-state", "Connected in")
    before = opened(page)
    page.click("tab-diagnose")
    page.click("tab-handshake")
    assert page.run("return location.hash") == "#handshake?protocol=chat"
    assert opened(page) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("width", "side_by_side", "beside"),
    [(390, False, False), (768, False, True), (1280, True, True), (1920, True, True)],
)
def test_lines_and_sides_use_the_width(
    page: Page, width: int, side_by_side: bool, beside: bool
) -> None:
    page.emulate(width, 800, "light")
    show(page)
    boxes = page.run(
        "const box = (selector) => document.querySelector(selector).getBoundingClientRect();"
        "return ['#handshake-request', '#handshake-response', '#handshake-request dt',"
        "  '#handshake-request dd'].map((selector) => box(selector).toJSON())"
    )
    request, response, raw, explanation = boxes
    assert (request["right"] <= response["left"]) == side_by_side
    assert (raw["right"] <= explanation["left"]) == beside
    assert page.run("return document.documentElement.scrollWidth") <= width


def test_controls_are_large_enough_for_a_finger(page: Page) -> None:
    page.emulate(390, 844, "light")
    show(page)
    heights = page.run(
        "return [...document.querySelectorAll('#handshake :is(button, input)')]"
        ".filter((control) => control.checkVisibility())"
        ".map((control) => control.getBoundingClientRect().height)"
    )
    assert len(heights) == 5
    assert min(heights) >= 40


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
