"""The wheel: its content, and the service from it in a clean environment and an empty folder."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen
from zipfile import ZipFile

import pytest

from tests.support.clients import connected
from tests.support.required import give_up
from tests.support.servers import ROOT, Server, StartServer
from tests.support.waiting import wait_until

PIP = ("--quiet", "--disable-pip-version-check", "--no-input")

# pip says this if it cannot reach an index, and also if a version does not exist.
_UNREACHABLE = "No matching distribution found"


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this repository, built with the pinned backend."""
    place: Path = tmp_path_factory.mktemp("wheel")
    build = ("wheel", *PIP, "--no-deps", "--no-build-isolation", "--wheel-dir", str(place), ".")
    subprocess.run([sys.executable, "-m", "pip", *build], cwd=ROOT, check=True, timeout=100)
    (made,) = place.iterdir()
    return made


@pytest.fixture(scope="session")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that has only the wheel and its requirements."""
    place: Path = tmp_path_factory.mktemp("clean")
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True, timeout=100)
    programs = place / "bin"
    pinned = ("--constraint", str(ROOT / "requirements.txt"))
    installed = subprocess.run(
        [str(programs / "python"), "-m", "pip", "install", *PIP, *pinned, str(wheel)],
        capture_output=True,
        text=True,
        timeout=100,
    )
    if _UNREACHABLE in installed.stderr:
        give_up(f"pip cannot install the wheel: {installed.stderr}")
    assert installed.returncode == 0, installed.stderr
    return programs


def content(wheel: Path) -> set[str]:
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_is_smaller_than_a_megabyte(wheel: Path) -> None:
    assert wheel.stat().st_size < 1_000_000


def test_the_wheel_has_the_package_and_its_assets_and_nothing_else(wheel: Path) -> None:
    files = [
        path for top in ("flask_echo", "templates", "static") for path in (ROOT / top).rglob("*")
    ]
    names = [str(p.relative_to(ROOT)) for p in files if p.is_file() and p.suffix != ".pyc"]
    wanted = {name if name.startswith("flask_echo/") else f"flask_echo/{name}" for name in names}
    packed = {name for name in content(wheel) if ".dist-info/" not in name}
    assert packed == wanted
    assert "flask_echo/py.typed" in packed


def test_the_wheel_does_not_require_pytest(clean: Path) -> None:
    listing = ["-m", "pip", "list", "--disable-pip-version-check", "--format", "freeze"]
    installed = subprocess.check_output([str(clean / "python"), *listing], text=True)
    assert "flask-echo==" in installed
    assert "pytest" not in installed


@pytest.mark.parametrize("words", [["flask-echo"], ["python", "-m", "flask_echo"]], ids=" ".join)
def test_the_page_its_assets_and_the_conversation_work(
    start_server: StartServer, clean: Path, tmp_path: Path, words: list[str]
) -> None:
    program, *arguments = words
    command = [str(clean / program), *arguments, "--port", "0"]
    server = start_server("flask-echo", words=command, cwd=tmp_path)
    page = fetch(server, "/")
    assets = re.findall(r'(?:src|href)="(static/[^"]+)"', page)
    assert len(assets) > 3
    for asset in assets:
        assert fetch(server, f"/{asset}")
    assert "Run it" in fetch(server, "/docs/README")
    with connected(server, "/WS.ashx") as client:
        assert client.receive(timeout=10) == '"hello from server"'
        client.send("x")
        assert client.receive(timeout=10) == '"x back"'
    wait_until(lambda: "Serving on" in server.output())
    assert list(tmp_path.iterdir()) == []


def fetch(server: Server, path: str) -> str:
    with urlopen(f"{server.url}{path}", timeout=10) as response:
        return str(response.read().decode())


def test_the_types_of_the_package_are_seen_by_its_users(clean: Path, tmp_path: Path) -> None:
    (tmp_path / "user.py").write_text("import flask_echo\nflask_echo.create_app(5)\n")
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--python-executable", str(clean / "python"), "user.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert 'Argument 1 to "create_app" has incompatible type "int"' in checked.stdout
    assert "Found 1 error" in checked.stdout
