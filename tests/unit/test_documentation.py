"""The documentation: how it is rendered, and its addresses."""

import re

import pytest
from werkzeug.test import TestResponse

from flask_echo import create_app
from tests.support.package import PACKAGE
from tools.docs import files, render

TEXTS = {name: text for name, text in files().items() if name.endswith(".html")}


def html(text: str, path: str = "docs/story.md") -> str:
    """The HTML of a document with this text."""
    return render(path, text).html


def get(path: str, **headers: str) -> TestResponse:
    """The response at an address, to a browser."""
    return create_app().test_client().get(path, headers={"Accept": "text/html", **headers})


def test_what_is_served_is_current() -> None:
    served = {file.name: file.read_text() for file in (PACKAGE / "documentation/texts").iterdir()}
    assert served == files(), "make docs"


def test_every_link_leads_to_a_document_and_a_heading_of_it() -> None:
    for name, text in TEXTS.items():
        for target, heading in re.findall(r'href="([^"#]*)(?:#([^"]*))?"', text):
            if "://" not in target:
                other = TEXTS[f"{target}.html"] if target else text
                assert not heading or f'id="{heading}"' in other, (name, target, heading)


def test_no_document_has_a_style_or_an_id_twice() -> None:
    for name, text in TEXTS.items():
        assert "style=" not in text, name
        ids = re.findall(r'id="([^"]*)"', text)
        assert sorted(set(ids)) == sorted(ids), name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a](matrix.md#x)", '<p><a href="matrix#x">a</a></p>\n'),
        ("[a](../README.md)", '<p><a href="README">a</a></p>\n'),
        ("[a](https://x.example/)", '<p><a href="https://x.example/">a</a></p>\n'),
        ("[a](../tools/docs.py)", "<p>a, in <code>tools/docs.py</code></p>\n"),
        ("[`tools/docs.py`](../tools/docs.py)", "<p><code>tools/docs.py</code></p>\n"),
        ("[a **b**](../x.py) c", "<p>a <strong>b</strong>, in <code>x.py</code> c</p>\n"),
        ("Look:\n\n![a](a.png)\n\nb", "<p>Look.</p>\n<p>b</p>\n"),
        ("Look:\n\n<picture>\n</picture>\n\nb", "<p>Look.</p>\n<p>b</p>\n"),
        ("a ![b](b.svg) c", "<p>a  c</p>\n"),
        ("a\n\n([b](b.png), [c](c.png))", "<p>a</p>\n"),
        ("{{ config }} {% if %}", "<p>{{ config }} {% if %}</p>\n"),
        ("## The `a`, B_c\n## The a, B_c", '<h2 id="the-a-b_c">The <code>a</code>, B_c</h2>\n'
         '<h2 id="the-a-b_c-1">The a, B_c</h2>\n'),
    ],
)  # fmt: skip
def test_rendering(text: str, expected: str) -> None:
    assert html(text) == expected


def test_html_that_is_no_picture_is_refused() -> None:
    with pytest.raises(AssertionError, match="<script>"):
        html("<script>\n</script>")


def test_tables_and_code_can_be_scrolled_with_the_keyboard() -> None:
    table = html("|a|b|\n|--:|---|\n|1|2|")
    assert table.startswith('<div class="overflow-auto" tabindex="0">\n<table>')
    assert '<td class="right">1</td>' in table
    assert html("# A\n```\na\n```").endswith('<pre tabindex="0"><code>a\n</code></pre>\n')


@pytest.mark.parametrize("path", ["/docs/", "/docs/README", "/docs/security"])
def test_a_document_is_validated_not_sent_again(path: str) -> None:
    first = get(path)
    assert (first.status_code, first.headers["Cache-Control"]) == (200, "no-cache")
    again = get(path, **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_the_redirect_to_the_list_is_relative() -> None:
    answer = get("/docs")
    assert (answer.status_code, answer.headers["Location"]) == (308, "docs/")


@pytest.mark.parametrize(
    "path",
    ["/docs/nothing", "/docs/story/", "/docs/story.html", "/docs/contents", "/docs/../config"],
)
def test_an_unknown_document_gets_the_page_of_errors(path: str) -> None:
    answer = get(path)
    assert answer.status_code == 404
    assert "<h1>404 Not Found</h1>" in answer.text
