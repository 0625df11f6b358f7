"""The module that asks the server for a trace: IDs, addresses, and each kind of answer."""

import re
from typing import Any

import pytest

from tests.support.browser import Page
from tests.support.modules import call

pytestmark = pytest.mark.slow

ID = "0123456789abcdef" * 2

# Answers the request for a trace, and keeps how it was asked.
ANSWER = """
window.fetch = async (path, options) => {
  window.asked = { path, cache: options.cache };
  if (STATUS === 0) throw new TypeError("Failed to fetch");
  return new Response(BODY, { status: STATUS });
};
"""


def read(page: Page, status: int, body: str) -> Any:
    page.run_before_load(f"const STATUS = {status}, BODY = {body!r};{ANSWER}")
    return call(page, "common/trace.js", "readTrace", ID)


def test_an_id_has_32_hex_digits_and_is_new_each_time(page: Page) -> None:
    ids = [call(page, "common/trace.js", "newTraceId") for _ in range(2)]
    assert all(re.fullmatch(r"[0-9a-f]{32}", found) for found in ids)
    assert ids[0] != ids[1]


@pytest.mark.parametrize(
    ("path", "traced"),
    [
        ("echo", f"echo?trace={ID}"),
        ("echo?delay=1", f"echo?delay=1&trace={ID}"),
        ("ws://example.com/", f"ws://example.com/?trace={ID}"),
    ],
)
def test_the_id_becomes_a_part_of_the_query(page: Page, path: str, traced: str) -> None:
    assert call(page, "common/trace.js", "withTrace", path, ID) == traced


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, '{"attempts": [{"at": 1}]}', {"state": "found", "attempts": [{"at": 1}]}),
        (
            404,
            '{"status": "on", "reason": null, "dropped_at": 7.5, "store": "a", "attempts": []}',
            {"state": "none", "droppedAt": 7.5, "reason": None, "store": "a"},
        ),
        (
            404,
            '{"status": "off", "reason": "so", "dropped_at": null, "attempts": []}',
            {"state": "off", "reason": "so"},
        ),
        (404, "{}", {"state": "unreadable", "reason": "status 404 without a trace"}),
        (502, "{}", {"state": "unreadable", "reason": "status 502 without a trace"}),
        (200, "null", {"state": "unreadable", "reason": "status 200 without a trace"}),
        (200, "<html>", {"state": "unreadable", "reason": "the answer is not JSON"}),
        (0, "", {"state": "unreadable", "reason": "no response"}),
    ],
)
def test_each_answer_has_its_state(
    page: Page, status: int, body: str, expected: dict[str, Any]
) -> None:
    assert read(page, status, body) == expected
    assert page.run("return asked") == {"path": f"traces/{ID}", "cache": "no-store"}
