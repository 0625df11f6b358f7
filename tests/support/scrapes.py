"""Reading ``/metrics`` as Prometheus does."""

import os
from pathlib import Path
from urllib.request import Request, urlopen

from prometheus_client.parser import text_string_to_metric_families

from tests.support.clients import TIMEOUT
from tests.support.servers import Server

Sample = tuple[str, tuple[tuple[str, str], ...]]


def scrape_text(server: Server, accept: str = "") -> tuple[str, str]:
    """Return the content type and the text."""
    request = Request(f"{server.url}/metrics", headers={"Accept": accept} if accept else {})
    with urlopen(request, timeout=TIMEOUT) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


def scrape(server: Server) -> dict[Sample, float]:
    """Return all samples by their name and labels."""
    found: dict[Sample, float] = {}
    for family in text_string_to_metric_families(scrape_text(server)[1]):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, f"{key} is there twice"
            found[key] = sample.value
    return found


class Scraped:
    """The samples of one scrape, by short names."""

    def __init__(self, server: Server) -> None:
        self.samples = scrape(server)

    def __call__(self, name: str, **labels: object) -> float:
        """Return one sample."""
        wanted = {label: str(value) for label, value in labels.items()}
        return self.samples[name, tuple(sorted(wanted.items()))]

    def counters(self) -> dict[Sample, float]:
        """Return all samples that must never go back."""
        endings = ("_total", "_count", "_sum", "_bucket")
        return {key: value for key, value in self.samples.items() if key[0].endswith(endings)}

    def nonzero(self, name: str) -> dict[tuple[str, ...], float]:
        """Return the samples of a name that are not 0, by the values of their labels."""
        return {
            tuple(value for _, value in labels): value
            for (found, labels), value in self.samples.items()
            if found == name and value
        }


def figures_folder(server: Server) -> Path:
    """Return the folder of the figures, which every worker has open."""
    children = f"/proc/{server.process.pid}/task/{server.process.pid}/children"
    for worker in Path(children).read_text().split():
        for link in Path(f"/proc/{worker}/fd").iterdir():
            target = Path(os.readlink(link))
            if target.name.startswith("flask-echo-metrics-"):
                return target
    raise AssertionError(server.describe())
