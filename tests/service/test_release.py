"""`make release` in a copy of the repository, and what it leaves in dist/."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.repository import commit, copy_to, git
from tests.support.required import module
from tools.sbom import validate

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

# It passes only if the tests import the installed wheel, and nothing hides it.
ONE_TEST = """
import sysconfig
from pathlib import Path

import flask_echo

def test_the_package_is_the_installed_one():
    assert Path(flask_echo.__file__).is_relative_to(sysconfig.get_path("purelib"))
    assert not Path("flask_echo").exists()
    Path("{proof}").write_text(flask_echo.__version__)
"""


def run(place: Path, tool: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a tool of the repository at ``place``."""
    words = [sys.executable, "-m", f"tools.{tool}", *arguments]
    return subprocess.run(words, cwd=place, capture_output=True, text=True, timeout=1100)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that can be released."""
    for name in ("build", "twine", "cyclonedx_py"):
        module(name)
    place = copy_to(tmp_path_factory.mktemp("repository"))
    changes = place / "CHANGES.md"
    changes.write_text(changes.read_text().replace("not yet released", "2026-12-31", 1))
    proof = place.parent / "proof"
    (place / "tests/unit/test_place.py").write_text(ONE_TEST.format(proof=proof))
    commit(place)
    return place


@pytest.fixture(scope="module")
def released(repository: Path) -> str:
    """What a release prints."""
    ended = run(repository, "release", "-k", "test_place or test_packaging")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def sbom(repository: Path, released: str) -> dict[str, Any]:
    """What the release writes of the wheel's parts."""
    read: dict[str, Any] = json.loads((repository / "dist/sbom.cdx.json").read_text())
    return read


def test_a_release_has_wheel_sdist_and_sbom(repository: Path, released: str) -> None:
    names = sorted(file.name for file in (repository / "dist").iterdir())
    (version,) = {name.split("-")[1].removesuffix(".tar.gz") for name in names if "-" in name}
    assert names == [
        f"flask_echo-{version}-py3-none-any.whl",
        f"flask_echo-{version}.tar.gz",
        "sbom.cdx.json",
    ]
    assert released.count("PASSED") >= 2, "twine checked both"
    assert "Nothing was uploaded" in released
    assert (repository.parent / "proof").read_text() == version
    assert git(repository, "status", "--porcelain") == ""


def test_the_sbom_is_valid(repository: Path, released: str) -> None:
    validate((repository / "dist/sbom.cdx.json").read_text())
    with pytest.raises(ValueError, match="the SBOM is not valid: '1' is not of type 'integer'"):
        validate('{"bomFormat": "CycloneDX", "specVersion": "1.6", "version": "1"}')


def test_the_sbom_has_what_the_wheel_needs_and_no_tool(sbom: dict[str, Any]) -> None:
    scopes = {one["name"].lower(): one["scope"] for one in sbom["components"]}
    assert {
        name: scopes[name] for name in ("flask", "gunicorn", "wsproto", "h11")
    } == dict.fromkeys(("flask", "gunicorn", "wsproto", "h11"), "required")
    assert (scopes["redis"], scopes["isal"]) == ("optional", "optional")
    assert not {"pip", "pytest", "ruff", "flask-echo"} & set(scopes)


def test_the_sbom_has_every_vendored_file(repository: Path, sbom: dict[str, Any]) -> None:
    files = [file["name"] for one in sbom["components"] for file in one.get("components", [])]
    folder = repository / "static/vendor"
    present = [path for path in folder.rglob("*") if path.is_file() and path.name != "README.md"]
    assert sorted(files) == sorted(f"flask_echo/{p.relative_to(repository)}" for p in present)


def test_the_sbom_tells_nothing_of_the_machine(sbom: dict[str, Any]) -> None:
    text = json.dumps(sbom)
    assert "file:" not in text
    assert sys.prefix not in text


def test_a_second_sbom_has_the_same_bytes(repository: Path, released: str) -> None:
    file = repository / "dist/sbom.cdx.json"
    before = file.read_bytes()
    ended = run(repository, "sbom")
    assert ended.returncode == 0, ended.stderr
    assert file.read_bytes() == before


def test_a_step_that_fails_stops_the_release(repository: Path) -> None:
    project = repository / "pyproject.toml"
    before = project.read_text()
    project.write_text(before.replace('readme = "README.md"\n', ""))
    commit(repository)
    try:
        ended = run(repository, "release")
    finally:
        project.write_text(before)
        commit(repository)
    assert ended.returncode == 1
    assert "long_description" in ended.stdout
    assert "No release: this command failed:" in ended.stderr
    assert "twine check" in ended.stderr.splitlines()[-1]


def test_a_file_that_is_not_committed_stops_the_release(repository: Path) -> None:
    new = repository / "new.txt"
    new.write_text("")
    try:
        ended = run(repository, "release")
    finally:
        new.unlink()
    assert (ended.returncode, ended.stderr) == (
        1,
        "No release: these files are not committed: new.txt\n",
    )
