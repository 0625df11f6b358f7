"""The list of what is vendored: vendor.sh, the README and the folder must agree."""

import shutil
from pathlib import Path

import pytest

from tests.support.package import ASSETS
from tests.support.servers import ROOT
from tools.vendored import FOLDER, packages


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A copy of what is vendored."""
    shutil.copytree(ASSETS / FOLDER, tmp_path / FOLDER)
    shutil.copy(ROOT / "vendor.sh", tmp_path)
    return tmp_path


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_every_file_belongs_to_a_package(repository: Path) -> None:
    found = packages(repository)
    assert [package.name for package in found] == ["@noble/hashes", "@picocss/pico", "uplot"]
    listed = {name for package in found for name in package.files}
    present = {str(p.relative_to(repository)) for p in repository.rglob("*") if p.is_file()}
    assert listed == present - {"vendor.sh", f"{FOLDER}/README.md"}
    for package in found:
        assert package.licence == "MIT"
        assert [name for name in package.files if "LICENSE" in name]


def test_a_new_file_is_named(repository: Path) -> None:
    (repository / FOLDER / "uplot/more.js").write_text("")
    with pytest.raises(ValueError, match=r"vendor.sh does not name static/vendor/uplot/more\.js"):
        packages(repository)


def test_a_file_that_has_gone_is_named(repository: Path) -> None:
    (repository / FOLDER / "uplot/uPlot.esm.js").unlink()
    with pytest.raises(ValueError, match=r"not in static/vendor: .*uPlot\.esm\.js"):
        packages(repository)


def test_the_versions_of_the_script_and_the_readme_must_agree(repository: Path) -> None:
    change(repository / "vendor.sh", "uplot 1.6.32", "uplot 1.6.33")
    with pytest.raises(ValueError, match=r"README.md has no row for uplot 1\.6\.33"):
        packages(repository)


def test_a_row_without_files_is_named(repository: Path) -> None:
    row = "| Other | 1.0 | MIT ([text](other/LICENSE)) | `other/other.js` | npm package other |\n"
    with (repository / FOLDER / "README.md").open("a") as readme:
        readme.write(row)
    with pytest.raises(ValueError, match=r"README\.md names what is not in static/vendor: other"):
        packages(repository)
