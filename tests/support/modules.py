"""Functions of the page's modules, called without the page."""

from typing import Any

from tests.support.browser import Page

_CALL = """
const [module, name, list, done] = arguments;
import(new URL(`static/js/${module}`, location))
  .then((found) => found[name](...list))
  .then((value) => done({ value }), (error) => done({ error: String(error) }));
"""


def call(page: Page, module: str, function: str, *arguments: object) -> Any:
    """Call an exported function, and return its result or the value of its promise.

    :param module: the path of the module below static/js.
    """
    page.open("/healthz")  # a document of the same origin without scripts of its own
    answer = page.run_async(_CALL, module, function, list(arguments))
    assert "error" not in answer, answer["error"]
    return answer["value"]
