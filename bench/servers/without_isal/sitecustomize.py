"""With this folder in PYTHONPATH, Python finds no package isal, as if it were not installed.

Python imports this module at its start (:mod:`site`).
"""

import sys

sys.modules["isal"] = None  # type: ignore[assignment]
