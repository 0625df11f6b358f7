"""With this folder in PYTHONPATH, Python finds no package prometheus_client; see :mod:`site`."""

import sys

sys.modules["prometheus_client"] = None  # type: ignore[assignment]
