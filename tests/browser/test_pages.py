"""The pages beside the test page: errors, and the documentation."""

import pytest

from tests.support.axe import violations
from tests.support.browser import Page
from tests.support.diagnose import CATCH_COPIES
from tests.support.waiting import wait_until

WIDTHS = (1280, 390)
SCHEMES = ("light", "dark")
DOCUMENTS = "return [...document.querySelectorAll('main a')].map(({ href }) => href)"


def errors(page: Page) -> list[str]:
    """The errors on the console, but for the status of the page itself."""
    return [line for line in page.take_console_errors() if "/echo - " not in line]


def cures(page: Page) -> list[str]:
    """The products with lines that are visible."""
    return list(
        page.run(
            "return [...document.querySelectorAll('#cures .cure')]"
            ".filter((cure) => cure.checkVisibility()).map(({ dataset }) => dataset.product)"
        )
    )


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("path", ["/echo", "/nowhere/at/all", "/docs/", "/docs/README"])
def test_a_page_is_accessible_and_no_wider_than_the_screen(
    page: Page, path: str, scheme: str, width: int
) -> None:
    page.emulate(width, 800, scheme)
    page.open(path)
    if path == "/echo":
        wait_until(lambda: cures(page) == ["nginx"])
    assert violations(page) == []
    assert page.run("return document.documentElement.scrollWidth") <= width
    page.take_console_errors()


def test_the_error_page_shows_one_product_at_a_time_and_copies_its_lines(page: Page) -> None:
    page.run_before_load(CATCH_COPIES)
    page.open("/echo")
    wait_until(lambda: cures(page) == ["nginx"])
    page.run("document.querySelectorAll('#cures [role=tab]')[1].click()")
    assert cures(page) == ["Apache"]
    page.run("document.querySelector('#cures [data-product=Apache] button').click()")
    wait_until(lambda: "Copied." in page.text("#cures"))
    assert page.run("return copied") == page.run(
        "return document.querySelector('#cures [data-product=Apache] pre').textContent"
    )
    assert errors(page) == []


def test_without_scripts_the_error_page_lists_all_products(page: Page) -> None:
    page.devtools("Emulation.setScriptExecutionDisabled", value=True)
    page.open("/echo")
    text = page.element("cures").text
    assert "proxy_set_header Upgrade $http_upgrade;\n" in text
    assert text.index("nginx") < text.index("Apache") < text.index("HAProxy")
    page.take_console_errors()


def test_every_document_opens_with_one_h1_and_is_listed(page: Page) -> None:
    page.open("/docs/")
    documents = page.run(DOCUMENTS)
    assert len(documents) > 5
    for document in documents:
        page.open("", url=document)
        assert page.run("return document.querySelectorAll('h1').length") == 1
        title = page.text("h1")
        assert page.run("return document.title").startswith(f"{title} \N{EN DASH} ")
        assert page.text(".document nav [aria-current]") == title
        assert page.run("return document.images.length") == 0


def test_a_link_leads_to_a_heading_of_another_document(page: Page) -> None:
    page.open("/docs/README")
    page.run("document.querySelector('a[href=\"polling#the-address-events\"]').click()")
    wait_until(lambda: page.text("h1") == "Is polling waste?")
    place = "const { top, bottom } = document.querySelector(':target').getBoundingClientRect();"
    wait_until(lambda: page.run(f"{place} return scrollY > 0 && top >= 0 && bottom <= innerHeight"))


@pytest.mark.parametrize(
    "path", ["/", "/default.html", "/nowhere", "/echo", "/docs/", "/docs/traces"]
)
def test_every_page_tells_its_version_and_links_to_the_documentation(page: Page, path: str) -> None:
    page.open(path)
    assert page.text(".about") == "flask-echo 1.0.0, Documentation"
    page.run("document.querySelector('.about a').click()")
    wait_until(lambda: page.text("h1") == "Documentation")
    page.take_console_errors()


def test_a_table_of_a_document_uses_a_wide_screen(page: Page) -> None:
    page.emulate(1920, 1080, "light")
    page.open("/docs/embedding")
    hidden = page.run(
        "return [...document.querySelectorAll('.text > .overflow-auto')]"
        "  .map(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)"
    )
    assert hidden
    assert max(hidden) == 0
    assert page.run("return document.querySelector('.text > p').clientWidth") < 1000


def test_a_received_value_stands_beside_its_name(page: Page) -> None:
    page.emulate(1920, 1080, "light")
    page.open("/echo")
    assert page.run("return document.querySelector('main table th').clientWidth") < 400
    page.take_console_errors()
