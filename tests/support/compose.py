"""What deploy/compose.yaml says."""

import re
from typing import Any

import yaml

from tests.support.servers import ROOT

FILE = ROOT / "deploy/compose.yaml"

_BYTES = {"b": 1, "k": 2**10, "m": 2**20, "g": 2**30}


def service(name: str) -> dict[str, Any]:
    """Return the entry of a service, as it is in the file."""
    services: dict[str, Any] = yaml.safe_load(FILE.read_text())["services"]
    return dict(services[name])


def size(text: str) -> int:
    """Return the bytes of a size such as ``512m``."""
    number, unit = re.fullmatch(r"(\d+)([bkmg])", text).groups()  # type: ignore[union-attr]
    return int(number) * _BYTES[unit]
