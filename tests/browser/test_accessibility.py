"""Every panel passes axe-core at both widths, in light and dark."""

import pytest

from tests.support.axe import violations
from tests.support.browser import Page
from tests.support.diagnose import Panel
from tests.support.proxy import HOP_BY_HOP, NO_BYTE_255, NO_EXTENSIONS, Faults, Proxy
from tests.support.servers import Server
from tests.support.talk import choose, say, show_details, simulate

pytestmark = pytest.mark.slow

PANELS = ("talk", "handshake", "compare", "diagnose", "learn")
WIDTHS = (1280, 390)  # a desktop and a phone
SCHEMES = ("light", "dark")


def show(page: Page, panel: str, url: str | None = None) -> None:
    """Open a panel, and wait until it has loaded."""
    page.open(f"/#{panel}", url=url)
    page.wait_until(lambda: page.element(panel).is_displayed(), f"the panel {panel}")
    if panel == "talk":
        page.wait_for_state("open")
    if panel == "handshake":
        result = page.element("handshake-result")
        page.wait_until(result.is_displayed, "the report")


def verdict(page: Page, check: str) -> str:
    """Run a check of the panel Diagnose, and unfold its details."""
    row = f"document.querySelector('#check-{check}')"
    page.run(f"{row}.querySelector('.run').click()")

    def text() -> str:
        return str(page.run(f"return {row}.querySelector('.verdict').textContent")).strip().lower()

    page.wait_until(lambda: text() in ("good", "notable", "bad"), f"a verdict of {check}")
    page.run(f"{row}.querySelector('details').open = true")
    return text()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_is_accessible(page: Page, panel: str, scheme: str, width: int) -> None:
    page.emulate(width, 800, scheme)
    show(page, panel)
    assert violations(page) == []


def test_verdicts_are_accessible(page: Page, server: Server) -> None:
    faults = Faults(request=NO_EXTENSIONS, spoil=NO_BYTE_255)
    with Proxy(server.port, faults=faults) as proxy:
        show(page, "diagnose", proxy.url)
        verdicts = {
            verdict(page, check) for check in ("handshake-time", "compression", "integrity")
        }
        assert verdicts == {"good", "notable", "bad"}
        for width in WIDTHS:
            for scheme in SCHEMES:
                page.emulate(width, 800, scheme)
                assert violations(page) == [], (width, scheme)
        page.leave()


def test_a_finding_with_a_cure_for_each_product_is_accessible(page: Page, server: Server) -> None:
    panel = Panel(page)
    with Proxy(server.port, faults=Faults(request=HOP_BY_HOP)) as proxy:
        page.open("/#diagnose?run", url=proxy.url)
        page.wait_until(lambda: panel.sentence == "A proxy blocks WebSockets", "the sentence")
        for width in WIDTHS:
            for scheme in SCHEMES:
                page.emulate(width, 800, scheme)
                assert violations(page) == [], (width, scheme)
        page.leave()
    page.take_console_errors()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_run_of_all_checks_is_accessible(page: Page, scheme: str) -> None:
    page.emulate(390, 844, scheme)
    panel = Panel(page)
    page.open("/#diagnose?run")
    page.wait_until(lambda: panel.part("throughput", "verdict") == "running", "a long check")
    assert violations(page) == []
    page.click("diagnose-run")
    panel.wait_for_end()
    assert "the run was cancelled" in page.text("#diagnose-skipped summary")
    assert violations(page) == []


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_is_no_wider_than_a_phone(page: Page, panel: str) -> None:
    page.emulate(390, 800, "light")
    show(page, panel)
    assert page.run("return document.documentElement.scrollWidth") <= 390


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_comparison_is_accessible(page: Page, scheme: str, width: int) -> None:
    page.emulate(width, 800, scheme)
    show(page, "compare")
    page.run("document.querySelector('#compare-mean').value = 0.1")
    page.click("compare-start")
    page.wait_until(lambda: "events" in page.text("#compare-count"), "events")
    assert violations(page) == []
    assert page.run("return document.documentElement.scrollWidth") <= width
    page.click("compare-stop")
    page.wait_until(lambda: page.is_enabled("compare-start"), "the end")
    assert violations(page) == []


def test_a_missing_label_is_found(page: Page) -> None:
    show(page, "talk")
    page.run(
        "document.querySelector('label[for=message]').remove();"
        "document.querySelector('#message').removeAttribute('title')"
    )
    assert [line.split(":")[0] for line in violations(page)] == ["label at #message"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_unfolded_panel_talk_is_accessible(talk: Page, scheme: str) -> None:
    talk.emulate(1280, 800, scheme)
    simulate(talk, behaviour="close", after="9")
    say(talk, "[1]")
    talk.wait_until(lambda: talk.element("times").is_displayed(), "a round trip")
    choose(talk, format="json", delay="99")
    say(talk, "{")
    show_details(talk)
    talk.run("document.querySelector('#entries > :last-child').click()")
    for button in ("entry-pretty", "pause"):
        talk.click(button)
    assert violations(talk) == []


def check_everywhere(page: Page) -> None:
    """Check the page at both widths, in light and dark."""
    for width in WIDTHS:
        for scheme in SCHEMES:
            page.emulate(width, 800, scheme)
            assert violations(page) == [], (width, scheme)
            assert page.run("return document.documentElement.scrollWidth") <= width


def test_a_handshake_with_changes_is_accessible(page: Page, server: Server) -> None:
    request = {"Origin": None, "Via": "1.1 proxy.test", "Connection": "upgrade"}
    faults = Faults(request=request, response=NO_EXTENSIONS)  # notable, harmless and bad
    with Proxy(server.port, faults=faults) as proxy:
        page.open("/#handshake?protocol=two%20words", url=proxy.url)
        page.wait_until(page.element("handshake-result").is_displayed, "the report")
        assert page.text("#handshake-harmful").startswith("2 harmful changes")
        page.run(
            "for (const part of document.querySelectorAll('#handshake details')) part.open = true"
        )
        check_everywhere(page)
        page.leave()


def test_a_failed_handshake_is_accessible(page: Page, server: Server) -> None:
    with Proxy(server.port, faults=Faults(request={"Connection": None, "Upgrade": None})) as proxy:
        page.open("/#handshake", url=proxy.url)
        page.wait_until(page.element("handshake-arrived").is_displayed, "the explanation")
        check_everywhere(page)
        page.leave()
    page.take_console_errors()


def test_an_empty_comparison_with_a_bad_link_is_accessible(page: Page) -> None:
    page.open("/#compare?mean=0")
    page.wait_until(lambda: "not allowed" in page.text("#compare-link-error"), "the error")
    check_everywhere(page)


def test_a_notice_of_a_missing_panel_is_accessible(page: Page) -> None:
    page.open("/#nowhere")
    page.wait_for_state("open")
    check_everywhere(page)
