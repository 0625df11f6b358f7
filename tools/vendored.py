"""What of others lies in static/vendor/: read from vendor.sh, which fetches it, and its README."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = "static/vendor"

# A row of the table: name, version, licence with a link to its text, files, where from.
_ROW = re.compile(r"\| [^|]+ \| ([^|]+) \| (\S+) \(\[text\]\(([^)]+)\)\) \| [^|]+ \| [^|]+ \|")


@dataclass(frozen=True)
class Package:
    """A package of the npm registry, of which some files are vendored.

    :ivar name: with its scope, such as ``@picocss/pico``.
    :ivar licence: its identifier in the list of SPDX.
    :ivar files: paths below the root of the repository, its licence among them.
    """

    name: str
    version: str
    licence: str
    files: tuple[str, ...]


def packages(root: Path) -> list[Package]:
    """Return what is vendored in the repository at ``root``, in the order of the names.

    :raises ValueError: if vendor.sh, the README and the folder do not agree.
    """
    licences = _licences(root / FOLDER / "README.md")
    found = sorted(_taken(root / "vendor.sh", licences), key=lambda package: package.name)
    _compare("vendor.sh", {name for package in found for name in package.files}, _present(root))
    _compare("README.md", {folder for folder, _ in licences}, {_folder(p) for p in found})
    return found


def _licences(readme: Path) -> dict[tuple[str, str], str]:
    """Return the licences in the table by folder and version."""
    rows = _ROW.findall(readme.read_text())
    return {(text.split("/")[0], version): licence for version, licence, text in rows}


def _taken(script: Path, licences: dict[tuple[str, str], str]) -> Iterator[Package]:
    for line in script.read_text().splitlines():
        if line.startswith("take ") and f" {FOLDER}/" in line:
            _, name, version, folder, *files = shlex.split(line)
            licence = licences.get((Path(folder).name, version))
            if licence is None:
                raise ValueError(f"{FOLDER}/README.md has no row for {name} {version}")
            paths = sorted(f"{folder}/{Path(file).name}" for file in files)
            yield Package(name, version, licence, tuple(paths))


def _present(root: Path) -> set[str]:
    readme = root / FOLDER / "README.md"
    files = (path for path in (root / FOLDER).rglob("*") if path.is_file() and path != readme)
    return {path.relative_to(root).as_posix() for path in files}


def _folder(package: Package) -> str:
    return Path(package.files[0]).parent.name


def _compare(source: str, listed: set[str], present: set[str]) -> None:
    if unknown := present - listed:
        raise ValueError(f"{source} does not name {', '.join(sorted(unknown))}")
    if missing := listed - present:
        raise ValueError(f"{source} names what is not in {FOLDER}: {', '.join(sorted(missing))}")
