"""The scripts of the page import one way: each panel its own modules and those of all."""

import re
from pathlib import Path

import pytest

from tests.support.package import ASSETS

STATIC = ASSETS / "static"
SCRIPTS = STATIC / "js"
MODULES = sorted(SCRIPTS.glob("*/**/*.js"))
IMPORT = re.compile(r'^(?:import|\} from)\b.*?"(\.[^"]+)";', re.MULTILINE)


def room(path: Path) -> str:
    """The folder of a panel, or ``common``, or ``vendor`` for the code of others."""
    folder, *inner = path.resolve().relative_to(STATIC).parts
    return inner[0] if folder == "js" else folder


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SCRIPTS)))
def test_a_module_imports_its_own_room_and_what_all_share(path: Path) -> None:
    rooms = {room(path.parent / found) for found in IMPORT.findall(path.read_text("utf-8"))}
    assert rooms <= {room(path), "common", "vendor"}


def test_imports_are_found() -> None:
    text = (SCRIPTS / "talk/frame-pane.js").read_text("utf-8")
    assert "../common/frame-anatomy.js" in IMPORT.findall(text)
