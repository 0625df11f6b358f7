"""Programs and packages that tests need and a machine may lack."""

import importlib
import os
import shutil
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest

REQUIRED = os.environ.get("REQUIRE_EVERYTHING") == "1"  # as in the gate


def give_up(reason: str) -> NoReturn:
    """Skip the test, or fail it where nothing may be missing."""
    if REQUIRED:
        pytest.fail(reason)
    pytest.skip(reason)


def program(*names: str) -> str:
    """The path of the first of these programs that is installed; without any, give up."""
    # Packages of requirements-matrix.txt put programs beside Python.
    beside = str(Path(sys.executable).parent)
    places = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", beside))
    for name in names:
        if path := shutil.which(name, path=places):
            return path
    give_up(f"{names[0]} is not installed")


def module(name: str) -> Any:
    """A module of a package that only some tests need; without the package, give up."""
    try:
        return importlib.import_module(name)
    except ImportError:
        give_up(f"{name} is not installed: make test-slow")
