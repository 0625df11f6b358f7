"""With this folder in PYTHONPATH, Python finds no package websockets, as if it were not installed.

Python imports this module at its start (:mod:`site`), also in servers that tests start.
"""

import sys

sys.modules["websockets"] = None  # type: ignore[assignment]
