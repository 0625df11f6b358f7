"""How an application takes part in the figures of all workers, and what it leaves alone."""

import errno
import os
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, values

from flask_echo.factory import create_app
from flask_echo.metrics import publisher, registration
from flask_echo.metrics.extension import publisher_of
from flask_echo.metrics.figures import NoFigures
from flask_echo.metrics.registration import Registration

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def seats(it: Registration) -> float | None:
    """The seats that it shows."""
    return it.registry.get_sample_value("websocket_seats")


def test_two_applications_of_one_process_are_added_up(tmp_path: Path) -> None:
    one, other = Registration(str(tmp_path)), Registration(str(tmp_path))
    for count, it in enumerate((one, other), 1):
        assert it.series is not None
        it.series.show_seats(10 * count, 0, draining=False)
    for it in (one, other):
        it.prepare()
        assert seats(it) == 30


@pytest.mark.parametrize("folder", [True, False])
@pytest.mark.parametrize("before", [None, "/somewhere"])
def test_the_series_of_a_host_stay_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str | None, folder: bool
) -> None:
    if before is None:
        monkeypatch.delenv(VARIABLE, raising=False)
    else:
        monkeypatch.setenv(VARIABLE, before)
    kind, theirs = values.ValueClass, CollectorRegistry()
    counter = Counter("host_requests", "Theirs.", ["path"], registry=theirs)
    it = Registration(str(tmp_path) if folder else None)
    assert values.ValueClass is kind
    assert os.environ.get(VARIABLE) == before
    counter.labels("/new").inc()
    names = {sample.name for metric in theirs.collect() for sample in metric.samples}
    assert names == {"host_requests_total", "host_requests_created"}
    assert seats(it) == 0
    ours = {sample.name for metric in it.registry.collect() for sample in metric.samples}
    assert not {name for name in ours if name.startswith("host") or name.endswith("_created")}


@pytest.mark.parametrize("step", ["os.posix_fallocate", f"{registration.__name__}.Series"])
def test_an_error_while_the_series_are_made_is_no_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(step, fail)
        it = Registration(str(tmp_path))
    with pytest.raises(NoFigures, match="No space left"):
        it.check()
    it.join()
    it.prepare()
    assert seats(it) == 0


def test_nobody_waits_for_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each who asks would wait for all before."""
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.setenv("FLASK_ECHO_METRICS", "true")
    monkeypatch.setattr(publisher, "shared_folder", lambda: str(folder))
    app = create_app()
    it = publisher_of(app)
    it.exposition("text/plain")
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    monkeypatch.setattr(publisher, "BETWEEN_SECONDS", 3600.0)
    with pytest.raises(NoFigures, match="Restart"):
        it.exposition("text/plain")
