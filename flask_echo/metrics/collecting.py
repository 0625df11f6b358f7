"""Reading the figures of all processes."""

from collections.abc import Iterable

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from flask_echo.metrics.archive import Manifest, files_that_count, read_manifest, sums
from flask_echo.metrics.processes import Processes

# The archive changes when workers have ended, which they do not do all the time.
_ATTEMPTS = 10


class OwnCollector(Collector):
    """The figures of a process that is alone.

    They have no times of creation, as those of several processes have none. prometheus_client can
    leave them out itself, but only for the whole process, and so for the application around it.

    :param registry: has the series.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        """Yield the figures."""
        for metric in self._registry.collect():
            samples = metric.samples
            metric.samples = [each for each in samples if not each.name.endswith("_created")]
            yield metric


class SumCollector(Collector):
    """Adds up the figures of all processes of a folder, and of those that have ended.

    It waits for nobody. If the archive was replaced meanwhile, it reads again.

    :param folder: the folder.
    :param processes: tell who is there.
    """

    def __init__(self, folder: str, processes: Processes) -> None:
        self._folder = folder
        self._processes = processes

    def collect(self) -> Iterable[Metric]:
        """Return the sums."""
        for _ in range(_ATTEMPTS):
            manifest = read_manifest(self._folder)
            metrics = self._read(manifest)
            if metrics is not None and read_manifest(self._folder) == manifest:
                return metrics
        raise RuntimeError("the workers end faster than their figures can be read")

    def _read(self, manifest: Manifest) -> Iterable[Metric] | None:
        try:
            files = files_that_count(self._folder, manifest, self._processes.lives)
            return sums(files)
        except FileNotFoundError:  # It went into a new archive.
            return None
