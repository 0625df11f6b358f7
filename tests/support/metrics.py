"""What ``/metrics`` says, in the text format of Prometheus."""

import re
from urllib.request import urlopen

from tests.support.servers import Server

_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)


def total(server: Server, name: str, *labels: str) -> float:
    """Return the sum of a metric's samples that have all of these labels.

    :param labels: such as ``direction="in"``.
    """
    with urlopen(f"{server.url}/metrics", timeout=10) as response:
        samples = _SAMPLE.findall(response.read().decode())
    return sum(
        float(value)
        for found, given, value in samples
        if found == name and set(labels) <= set(given.split(","))
    )
