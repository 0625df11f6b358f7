"""Who imports whom: the library nothing of the service, gunicorn's master almost nothing."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.package import PACKAGE

LIBRARY = sorted((PACKAGE / "websocket").rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Each module or name that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.stem)
def test_the_library_imports_nothing_of_the_service(path: Path) -> None:
    ours = [name for name in imported(path) if name.split(".")[0] == "flask_echo"]
    assert [name for name in ours if not name.startswith("flask_echo.websocket.")] == [
        name for name in ours if name in ("flask_echo.websocket",)
    ]


def test_the_library_has_been_found() -> None:
    assert "connection" in [path.stem for path in LIBRARY]


def loaded_by(statement: str) -> set[str]:
    """The modules of this project that a statement loads in a fresh interpreter."""
    code = (
        f"{statement}\nimport sys\nprint(*[m for m in sys.modules if m.startswith('flask_echo')])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    return {name for name in ended.stdout.split() if name.split(".")[0] == "flask_echo"}


@pytest.mark.parametrize(
    "statement",
    [
        "import flask_echo.websocket",
        "from flask_echo.websocket import Sock, Connection, ConnectionClosed, Limits, Upgrade",
    ],
)
def test_the_library_loads_nothing_of_the_service(statement: str) -> None:
    service = {name for name in loaded_by(statement) if not name.startswith("flask_echo.websocket")}
    assert service == {"flask_echo"}
