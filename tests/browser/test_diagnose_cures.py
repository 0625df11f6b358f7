"""Lines to paste: a tab for each product, and a button that copies them."""

import pytest

from flask_echo.diagnosis.cures import cures_for
from tests.support.browser import Page
from tests.support.diagnose import Panel
from tests.support.keys import END, HOME, LEFT, RIGHT
from tests.support.nginx import FORGETFUL, nginx
from tests.support.proxy import HOP_BY_HOP, Faults, Proxy
from tests.support.servers import Server
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

NO_CLIPBOARD = """
navigator.clipboard.writeText = async () => { throw new Error("not allowed"); };
document.execCommand = () => false;
"""


def run_blocked(panel: Panel, proxy: Proxy) -> list[str]:
    """Find a fault of a proxy that nobody recognizes; return the products with a cure."""
    proxy.faults = Faults(request=HOP_BY_HOP)
    panel.open(proxy.url)
    assert panel.run("connection") == "bad"
    return list(panel.cures("connection"))


def selected(page: Page) -> str:
    """The selected tab. It alone can be reached by the key Tab, and its panel alone is shown."""
    tab, reachable, shown = page.run(
        "const all = (query) => [...document.querySelectorAll(`#diagnose-finding ${query}`)];"
        "return [all('[role=tab][aria-selected=true]').map((tab) => tab.textContent).join(),"
        " all('[role=tab]').filter(({ tabIndex }) => tabIndex === 0)"
        "   .map((tab) => tab.textContent).join(),"
        " all('[role=tabpanel]').filter((panel) => panel.checkVisibility())"
        "   .map((panel) => panel.dataset.product).join()]"
    )
    assert tab == reachable == shown
    return str(tab)


def copied(page: Page) -> str:
    """The status beside the visible button "Copy"."""
    return str(
        page.run(
            "return [...document.querySelectorAll('#diagnose-finding .copied')]"
            ".map((status) => status.textContent).join('')"
        )
    )


def test_the_keyboard_selects_a_product(panel: Panel, proxy: Proxy) -> None:
    products = run_blocked(panel, proxy)
    assert len(products) > 10
    page = panel.page
    page.run("document.querySelector('#diagnose-finding [role=tab]').focus()")
    assert selected(page) == products[0]
    for key, product in [
        (RIGHT, products[1]),
        (LEFT, products[0]),
        (LEFT, products[-1]),
        (RIGHT, products[0]),
        (END, products[-1]),
        (HOME, products[0]),
    ]:
        page.press(key)
        assert selected(page) == product
        assert page.run("return document.activeElement.textContent") == product
    page.take_console_errors()


def test_a_click_selects_a_product_and_its_lines_are_copied(panel: Panel, proxy: Proxy) -> None:
    products = run_blocked(panel, proxy)
    page = panel.page
    page.run("document.querySelectorAll('#diagnose-finding [role=tab]')[2].click()")
    assert selected(page) == products[2]
    page.run("document.querySelectorAll('#diagnose-finding .cure button')[2].click()")
    wait_until(lambda: copied(page) == "Copied.")
    assert page.run("return window.copied") == panel.cures("connection")[products[2]]
    page.take_console_errors()


def test_a_browser_that_forbids_copying_is_named(panel: Panel, proxy: Proxy) -> None:
    run_blocked(panel, proxy)
    panel.page.run(NO_CLIPBOARD)
    panel.page.run("document.querySelector('#diagnose-finding .cure button').click()")
    wait_until(lambda: copied(panel.page) == "Copy was blocked by the browser.")
    panel.page.take_console_errors()


def test_the_chosen_tab_stays_while_another_check_runs(panel: Panel, proxy: Proxy) -> None:
    products = run_blocked(panel, proxy)
    panel.page.run("document.querySelectorAll('#diagnose-finding [role=tab]')[2].click()")
    panel.run("round-trip")
    assert selected(panel.page) == products[2]
    panel.page.take_console_errors()


def test_a_known_product_has_no_tabs_and_its_lines_are_on_the_first_screen_of_a_phone(
    panel: Panel, server: Server
) -> None:
    with nginx(server.port, FORGETFUL) as port:
        panel.page.emulate(390, 844, "light")
        panel.page.open("/#diagnose?run", url=f"http://127.0.0.1:{port}")
        wait_until(lambda: panel.sentence == "A proxy blocks WebSockets")
        assert panel.cures("connection") == cures_for("http-1.0", "nginx")
        assert panel.page.run(
            "return !document.querySelector('#diagnose-finding [role=tab]')"
            " && document.querySelector('#diagnose-finding pre').getBoundingClientRect().bottom"
            " < innerHeight && scrollY === 0"
        )
        panel.page.leave()
    panel.page.take_console_errors()


def test_many_products_are_no_wider_than_a_phone(panel: Panel, proxy: Proxy) -> None:
    panel.page.emulate(390, 844, "light")
    assert len(run_blocked(panel, proxy)) > 10
    assert panel.page.run("return document.documentElement.scrollWidth") <= 390
    low = panel.page.run(
        "return [...document.querySelectorAll('#diagnose :is(button, select, summary)')]"
        ".filter((button) => button.checkVisibility() && button.offsetHeight < 40)"
        ".map((button) => button.textContent)"
    )
    assert low == []
    lines = panel.page.run(
        "return document.querySelector('#diagnose-finding pre').getBoundingClientRect().top"
    )
    assert lines < 844
    panel.page.take_console_errors()
