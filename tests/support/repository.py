"""A repository of git with the files of this one, also those that are not committed yet."""

import shutil
import subprocess
from pathlib import Path

from tests.support.required import program
from tests.support.servers import ROOT


def copy_to(place: Path) -> Path:
    """Copy the files that git knows or does not ignore, and commit them."""
    listing = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in git(ROOT, *listing).split("\0"):
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)
    git(place, "init", "--quiet")
    commit(place)
    return place


def commit(place: Path) -> None:
    """Commit all files."""
    git(place, "add", "--all")
    author = ("-c", "user.name=Test", "-c", "user.email=test@localhost")
    git(place, *author, "commit", "--quiet", "--message", "Test")


def git(place: Path, *words: str) -> str:
    """Run git in a repository, and return what it prints."""
    return subprocess.check_output([program("git"), *words], cwd=place, text=True, timeout=60)
