"""The package's promises: its requirements, and the modules that gunicorn's master imports."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from flask_echo.events import views as event_views
from flask_echo.meter import KEY as METER_KEY
from flask_echo.offers import EXEMPT_KEY, EXTEND_KEY, HUNG_UP_KEY
from flask_echo.websocket import servers
from flask_echo.worker import TESTED_GUNICORN
from tests.support.package import PACKAGE
from tests.support.servers import ROOT

FILES = sorted(ROOT.glob("requirements*.txt"))


EXTRAS = ("fast", "metrics", "redis")


def pins(file: Path) -> dict[str, str]:
    """Return the pinned versions in a file of requirements by their name."""
    lines = [line for line in file.read_text().splitlines() if line and line[0] not in "#-"]
    pinned = dict(line.split("==") for line in lines)
    return {canonicalize_name(name): version for name, version in pinned.items()}


def ranges(extra: str | None = None) -> dict[str, Requirement]:
    """Return the requirements of the wheel, or of one of its extras, by their name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = project["optional-dependencies"][extra] if extra else project["dependencies"]
    parsed = map(Requirement, lines)
    return {canonicalize_name(requirement.name): requirement for requirement in parsed}


def imported() -> Iterator[str]:
    """Yield the top-level modules outside Python that the package imports."""
    for source in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            yield from {name.split(".")[0] for name in names} - sys.stdlib_module_names


def test_each_pin_is_in_the_range_of_the_wheel() -> None:
    pinned = pins(ROOT / "requirements.txt")
    for name, requirement in ranges().items():
        assert pinned[name] in requirement.specifier, requirement
    tested = pinned | pins(ROOT / "requirements-dev.txt")
    for extra in EXTRAS:
        for name, requirement in ranges(extra).items():
            assert tested[name] in requirement.specifier, requirement


def test_the_wheel_requires_exactly_the_packages_that_it_imports() -> None:
    required = set(ranges()).union(*map(ranges, EXTRAS))
    assert {canonicalize_name(name) for name in imported()} - {"flask-echo"} == required


def test_all_files_pin_the_same_versions() -> None:
    seen: dict[str, str] = {}
    for file in FILES:
        for name, version in pins(file).items():
            assert seen.setdefault(name, version) == version, f"{name} in {file.name}"


def test_the_build_backend_that_tests_use_is_the_one_of_the_wheel() -> None:
    (required,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    requirement = Requirement(required)
    assert pins(ROOT / "requirements-dev.txt")[requirement.name] in requirement.specifier


def test_the_pinned_gunicorn_is_the_tested_one() -> None:
    assert pins(ROOT / "requirements.txt")["gunicorn"] == TESTED_GUNICORN


def test_the_worker_and_the_library_use_the_same_keys() -> None:
    # The worker must not import the library's module.
    assert servers.EXEMPT_KEY == EXEMPT_KEY
    assert servers.HUNG_UP_KEY == HUNG_UP_KEY
    assert event_views.EXTEND_KEY == EXTEND_KEY
    assert event_views.METER_KEY == METER_KEY


@pytest.mark.parametrize("module", ["gunicorn_conf", "gunicorn_log", "serve_conf", "worker"])
def test_gunicorn_s_master_imports_no_application(module: str) -> None:
    listing = f"import flask_echo.{module}, sys; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", listing], cwd=ROOT, text=True)
    ours = {name for name in loaded.split() if name.startswith("flask_echo")}
    # A reload does not load these again. Add none that serves requests.
    assert ours <= {
        "flask_echo",
        "flask_echo.access_fields",
        "flask_echo.arrivals",
        "flask_echo.capacity",
        "flask_echo.config",
        "flask_echo.deadlines",
        "flask_echo.gunicorn_conf",
        "flask_echo.gunicorn_log",
        "flask_echo.heartbeat",
        "flask_echo.listening",
        "flask_echo.logs",
        "flask_echo.logs.json_line",
        "flask_echo.logs.json_process",
        "flask_echo.logs.json_stream",
        "flask_echo.logs.queue",
        "flask_echo.logs.streams",
        "flask_echo.logs.writing",
        "flask_echo.metrics",
        "flask_echo.metrics.folder",
        "flask_echo.pool",
        "flask_echo.private_folder",
        "flask_echo.traces",
        "flask_echo.traces.folder",
        "flask_echo.serve_conf",
        "flask_echo.retirement",
        "flask_echo.siblings",
        "flask_echo.startup",
        "flask_echo.stopping",
        "flask_echo.timetable",
        "flask_echo.tls",
        "flask_echo.websocket",
        "flask_echo.websocket.limits",
        "flask_echo.websocket.options",
        "flask_echo.websocket.resources",
        "flask_echo.worker",
    }
