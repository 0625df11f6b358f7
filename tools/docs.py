"""Render the documents of the repository to the HTML that the service has at /docs/: `make docs`.

Pictures are left out, so that the wheel stays small. A link to another document goes to its page. A
link to a file that the service does not have becomes the path of the file.
"""

import json
import posixpath
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parent.parent
PLACE = ROOT / "flask_echo/documentation/texts"
CONTENTS = "contents.json"

_PICTURES = (".png", ".svg")
_ALIGNED = re.compile(r"text-align:(\w+)")


class Document(NamedTuple):
    """A rendered document."""

    name: str
    title: str
    html: str


def sources() -> list[str]:
    """Return the paths of the documents in the repository, the first one first."""
    return ["README.md", *sorted(f"docs/{file.name}" for file in (ROOT / "docs").glob("*.md"))]


def render(path: str, text: str) -> Document:
    """Render a document. The content security policy forbids styles in elements.

    :param path: of the document in the repository, such as ``docs/story.md``.
    :param text: its Markdown.
    """
    markdown = MarkdownIt("commonmark").enable("table")
    blocks = markdown.parse(text)
    folder = posixpath.dirname(path)
    for block in blocks:
        if block.children is not None:
            block.children = list(_linked(_without_pictures(block.children), folder))
    blocks = _without_empty_paragraphs(blocks)
    _name_headings(blocks)
    for block in blocks:
        _align_by_class(block)
    html = markdown.renderer.render(blocks, markdown.options, {})
    return Document(Path(path).stem, _words(blocks[1]), _scrolling(html))


def _without_pictures(children: list[Token]) -> Iterator[Token]:
    """Leave out images, and links to them with their text."""
    inside = False
    for child in children:
        if child.type == "link_open" and _target(child).endswith(_PICTURES):
            inside = True
        if not inside and child.type != "image":
            yield child
        if child.type == "link_close":
            inside = False


def _linked(children: Iterator[Token], folder: str) -> Iterator[Token]:
    """Lead links to the pages of the service, and replace those that lead nowhere by a path."""
    text: list[str] = []
    path = ""
    for child in children:
        if child.type == "link_open":
            path, text = _lead(child, folder), []
        text.append(child.content)
        if not path or child.type not in ("link_open", "link_close"):
            yield child
        elif child.type == "link_close":
            yield from _path(path, " ".join(text))
            path = ""


def _lead(link: Token, folder: str) -> str:
    """Lead a link to a page of the service, or return the path of a file that has none."""
    target = _target(link)
    if "://" in target or target.startswith("#"):
        return ""
    path, _, heading = target.partition("#")
    path = posixpath.normpath(posixpath.join(folder, path))
    if path not in sources():
        return path
    link.attrs["href"] = Path(path).stem + (f"#{heading}" if heading else "")
    return ""


def _path(path: str, text: str) -> Iterator[Token]:
    """The path of a file after the text of its link, unless the text is the path."""
    if path not in text:
        yield Token("text", "", 0, content=", in ")
        yield Token("code_inline", "code", 0, content=path)


def _target(link: Token) -> str:
    return str(link.attrs["href"])


def _without_empty_paragraphs(blocks: list[Token]) -> list[Token]:
    """Leave out HTML, which is pictures and comments, and paragraphs that had only pictures."""
    kept: list[Token] = []
    for block in blocks:
        if block.type == "html_block":
            assert block.content.startswith(("<picture>", "<!--")), block.content
            _end_sentence(kept)
        elif block.type == "paragraph_close" and not _has_words(kept[-1]):
            del kept[-2:]
            _end_sentence(kept)
        else:
            kept.append(block)
    return kept


def _has_words(block: Token) -> bool:
    return any(re.search(r"\w", child.content) for child in block.children or ())


def _end_sentence(blocks: list[Token]) -> None:
    """End the sentence that announced a picture with a stop instead of its colon."""
    if blocks and blocks[-1].type == "paragraph_close":
        last = (blocks[-2].children or [])[-1]
        last.content = re.sub(r":$", ".", last.content)


def _name_headings(blocks: list[Token]) -> None:
    """Give headings the ids that GitHub gives them, so that links lead to them."""
    seen: dict[str, int] = {}
    for opening, inline in pairwise(blocks):
        if opening.type == "heading_open":
            name = re.sub(r"[^\w -]", "", _words(inline).lower()).replace(" ", "-")
            times = seen[name] = seen.get(name, 0) + 1
            opening.attrs["id"] = name if times == 1 else f"{name}-{times - 1}"


def _words(inline: Token) -> str:
    return "".join(child.content for child in inline.children or ())


def _align_by_class(block: Token) -> None:
    style = str(block.attrs.pop("style", ""))
    if aligned := _ALIGNED.fullmatch(style):
        block.attrs["class"] = aligned[1]


def _scrolling(html: str) -> str:
    """Let wide tables and lines of code scroll, also with the keyboard."""
    html = html.replace("<pre>", '<pre tabindex="0">')
    html = html.replace("<table>", '<div class="overflow-auto" tabindex="0">\n<table>')
    return html.replace("</table>", "</table>\n</div>")


def files() -> dict[str, str]:
    """Return the content of each rendered file by its name."""
    documents = [render(path, (ROOT / path).read_text("utf-8")) for path in sources()]
    contents = [[document.name, document.title] for document in documents]
    rendered = {f"{document.name}.html": document.html for document in documents}
    return {CONTENTS: json.dumps(contents, indent=0) + "\n", **rendered}


def main() -> None:
    """Write all documents, and remove stale files."""
    rendered = files()
    for path in PLACE.iterdir():
        if path.name not in rendered:
            path.unlink()
    for name, text in rendered.items():
        (PLACE / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
