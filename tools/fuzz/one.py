"""Fuzz one target in this process: ``python -m tools.fuzz.one TARGET [options of libFuzzer]``."""

import sys

import atheris  # type: ignore[import-untyped]

with atheris.instrument_imports(include=["flask_echo", "wsproto", "tools.fuzz"]):
    from tools.fuzz.targets import TARGETS

if __name__ == "__main__":
    name = sys.argv.pop(1)
    atheris.Setup(sys.argv, TARGETS[name])
    atheris.Fuzz()
