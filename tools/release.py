"""Perform docs/release.md, the checklist of a release: `make release`. It uploads nothing.

Each step stops the release with one line that says what is wrong.
"""

import io
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from flask_echo import __version__
from tools import sbom
from tools.installed import ROOT, add, build, install, run

DIST = ROOT / "dist"

# Semantic versions, without the suffixes that this project does not use (semver.org, item 2).
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")

# The first section of CHANGES.md that has a version.
_SECTION = re.compile(r"^## (\d\S*), (.+)$", re.MULTILINE)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")

# The wheel has them. In the tree of the tests they would hide a file that it lacks.
_IN_THE_WHEEL = ("flask_echo", "templates", "static")


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("pytest_args", nargs=-1)
def main(pytest_args: tuple[str, ...]) -> None:
    """Make a release in dist/. PYTEST_ARGS, such as ``-k packaging``, go to the fast tests."""
    try:
        _release(pytest_args)
    except ValueError as problem:
        sys.exit(f"No release: {problem}")
    except subprocess.CalledProcessError as failed:
        sys.exit(f"No release: this command failed: {' '.join(map(str, failed.cmd))}")


def _release(pytest_args: tuple[str, ...]) -> None:
    _say("The tree is clean")
    check_tree(_git("status", "--porcelain"))
    _say(f"CHANGES.md and the tags agree with version {__version__}")
    check_version(__version__, (ROOT / "CHANGES.md").read_text(), _git("tag").split())
    _say("Build the sdist, and the wheel from it")
    shutil.rmtree(DIST, ignore_errors=True)
    wheel = build(DIST)
    _say("Check what a package index would show")
    run(sys.executable, "-m", "twine", "check", "--strict", *sorted(DIST.iterdir()))
    with TemporaryDirectory() as place:
        _say("Install the wheel, and write the SBOM")
        python = install(wheel, Path(place))
        sbom.write(wheel, python)
        _say("Run the fast tests against the installed wheel")
        run_tests(python, Path(place, "tree"), pytest_args)
    names = ", ".join(sorted(file.name for file in DIST.iterdir()))
    _say(f"dist/ has {names}. Nothing was uploaded: docs/release.md has the next steps")


def _say(text: str) -> None:
    click.echo(f"--- {text}.")


def _git(*words: str) -> str:
    return subprocess.check_output(["git", *words], cwd=ROOT, text=True)


def check_tree(status: str) -> None:
    """Check that everything is committed.

    :param status: the output of ``git status --porcelain``.
    :raises ValueError: if something is not.
    """
    if status:
        files = ", ".join(line[3:] for line in status.splitlines())
        raise ValueError(f"these files are not committed: {files}")


def check_version(version: str, changes: str, tags: list[str]) -> None:
    """Check that a version can be released.

    :param changes: the text of CHANGES.md. Its first section must be of this version, with a date.
    :param tags: the tags of the repository, such as ``v1.0.0``.
    :raises ValueError: if it cannot.
    """
    if not _VERSION.fullmatch(version):
        raise ValueError(f"{version} is not a version like 1.2.3")
    section = _SECTION.search(changes)
    if section is None or section[1] != version:
        raise ValueError(f"the first section of CHANGES.md is not '## {version}, DATE'")
    if not _DATE.fullmatch(section[2]):
        raise ValueError(f"CHANGES.md dates {version} '{section[2]}', not like 2026-12-31")
    released = [tag[1:] for tag in tags if tag[0] == "v" and _VERSION.fullmatch(tag[1:])]
    newest = max(released, key=_numbers, default=None)
    if newest is not None and _numbers(version) <= _numbers(newest):
        raise ValueError(f"{version} is not newer than the tag v{newest}")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def run_tests(python: Path, tree: Path, pytest_args: tuple[str, ...]) -> None:
    """Run tests in an environment with the wheel, from a tree that lacks the package.

    :param python: of the environment.
    :param tree: where the tree will be.
    :raises subprocess.CalledProcessError: if a test fails.
    """
    add(python, "requirements-dev.txt")
    _extract(tree)
    pytest = ("-m", "pytest", "-n", "2", "--dist", "loadfile", "tests/unit")
    run(python, *pytest, *pytest_args, cwd=tree)


def _extract(tree: Path) -> None:
    """Write the commit without what the wheel has."""
    archive = subprocess.check_output(["git", "archive", "--format=tar", "HEAD"], cwd=ROOT)
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(tree, filter="data")
    for name in _IN_THE_WHEEL:
        shutil.rmtree(tree / name)


if __name__ == "__main__":
    main()
