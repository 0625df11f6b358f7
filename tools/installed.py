"""A wheel of this repository, and a fresh environment that has it installed."""

import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parent.parent


def run(*words: str | Path, cwd: Path = ROOT) -> None:
    """Run a program.

    :raises subprocess.CalledProcessError: if it fails.
    """
    subprocess.run([str(word) for word in words], cwd=cwd, check=True)


def build(place: Path) -> Path:
    """Make the sdist and, from it, the wheel in ``place``. Return the path of the wheel.

    They have the same bytes each time: hatchling takes no dates from the machine.
    """
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", place, ROOT)
    (wheel,) = place.glob("*.whl")
    return wheel


def extras() -> dict[str, list[str]]:
    """Return the requirements of each extra of the wheel."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found: dict[str, list[str]] = project["optional-dependencies"]
    return found


def install(wheel: Path, place: Path) -> Path:
    """Make an environment in ``place`` with the wheel, all its extras, and the pinned versions.

    :return: its Python.
    """
    # Without pip, which would count as a part of the wheel's runtime.
    run(sys.executable, "-m", "venv", "--without-pip", place / "environment")
    python = place / "environment/bin/python"
    constraints = place / "constraints.txt"
    constraints.write_text("\n".join(_pins()))
    _pip(python, "--constraint", constraints, f"{wheel}[{','.join(extras())}]")
    return python


def add(python: Path, requirements: str) -> None:
    """Add the packages of a file of requirements to an environment."""
    _pip(python, "--requirement", ROOT / requirements)


def _pip(python: Path, *words: str | Path) -> None:
    # Most of the modules are never imported, so none is compiled beforehand.
    options = ("--quiet", "--disable-pip-version-check", "--no-input", "--no-compile")
    run(sys.executable, "-m", "pip", "--python", python, "install", *options, *words)


def _pins() -> Iterable[str]:
    """Yield the versions that are tested. pip takes no constraints from a file that has ``-r``."""
    for name in ("requirements.txt", "requirements-dev.txt"):
        lines = (ROOT / name).read_text().splitlines()
        yield from (line for line in lines if "==" in line)
