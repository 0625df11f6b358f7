"""The corpus of the fuzzer, and its findings so far, without the fuzzer."""

from pathlib import Path

import pytest

from tools.fuzz.__main__ import CORPUS
from tools.fuzz.targets import TARGETS


@pytest.mark.parametrize("target", TARGETS)
def test_the_promises_hold_for_the_whole_corpus(target: str) -> None:
    files = sorted(Path(CORPUS, target).iterdir())
    assert files
    for file in files:
        TARGETS[target](file.read_bytes())
