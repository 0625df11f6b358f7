"""The image of deploy/Dockerfile, and containers of it: built with buildah, run with runc.

Docker is not needed, nor is a registry: the base comes from Debian, and Python's packages from a
folder of wheels. buildah's storage driver vfs and isolation chroot, and runc without rlimits, work
inside containers that have few rights themselves.
"""

import itertools
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.required import give_up, program
from tests.support.servers import ROOT, Server

# The release with the Python that the Dockerfile takes by default.
SUITE = "trixie"
PORT = 8080
_BUILD_SECONDS = 400

_BASE = "localhost/base"
_IMAGE = "localhost/flask-echo"
_NO_COPY = shutil.ignore_patterns(".git", ".venv", "node_modules", "__pycache__", ".*_cache")

# What a container has of the kernel. Without /dev/shm, as with Docker's option --ipc none.
_MOUNTS = (
    ("/proc", "proc", ()),
    ("/dev", "tmpfs", ("nosuid", "mode=755", "size=64k")),
    ("/sys", "sysfs", ("nosuid", "noexec", "nodev", "ro")),
    ("/sys/fs/cgroup", "cgroup", ("nosuid", "noexec", "nodev", "ro")),
    ("/tmp", "tmpfs", ("nosuid", "noexec", "nodev", "mode=1777", "size=64m")),
)
# The network is that of the test; see tests/support/network.py.
_NAMESPACES = ("pid", "ipc", "uts", "mount")

# As in the Dockerfile.
EXTRAS = ("metrics", "redis")
PINS = ("requirements.txt", "requirements-dev.txt")

_numbers = itertools.count(1)


def _run(*words: str | Path, cwd: Path = ROOT, seconds: float = _BUILD_SECONDS) -> str:
    """Run a program to its end, and return what it printed. Its errors are in the failure."""
    ended = subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=seconds)
    assert ended.returncode == 0, f"{words}\n{ended.stdout[-5000:]}\n{ended.stderr[-5000:]}"
    return ended.stdout


@dataclass(frozen=True)
class Image:
    """A built image.

    :ivar root: its files, unpacked.
    :ivar config: what it says about its processes, with Docker's names.
    """

    root: Path
    config: Mapping[str, Any]

    @property
    def health_check(self) -> list[str]:
        """The command line of its health check."""
        kind, *words = self.config["Healthcheck"]["Test"]
        assert kind == "CMD", "it is not in exec form"
        return list(words)


@contextmanager
def built(place: Path) -> Iterator[Image]:
    """Build deploy/Dockerfile. All of it is in memory (1 GiB), and goes at the end of the block.

    Without the programs, or without Debian's archive, the test is skipped or fails.

    :param place: an empty folder.
    """
    if os.geteuid():
        give_up("debootstrap needs root")
    buildah = _Buildah(program("buildah"), place)
    # On a busy disk, removing the files alone took over two minutes.
    _run("mount", "-t", "tmpfs", "-o", "size=3g,mode=700", "tmpfs", place)
    try:
        base = _debootstrap(place / "base")
        python = _run("chroot", base, "python3", "-c", _VERSION).strip()
        buildah.make_base(base)
        shutil.rmtree(base)
        context = place / "context"
        shutil.copytree(ROOT, context, ignore=_NO_COPY)
        _download_wheels(context / "wheels", python)
        yield buildah.build(context)
    finally:
        _run("umount", "--lazy", place)


_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"


def _debootstrap(base: Path) -> Path:
    """Install a small Debian with Python into a folder."""
    words = ("--variant=minbase", "--include=python3,python3-venv", SUITE, str(base))
    # What it mounts below the folder goes with its mount namespace, also if it fails halfway.
    made = subprocess.run(
        [program("unshare"), "--mount", program("debootstrap"), *words],
        capture_output=True,
        text=True,
        timeout=_BUILD_SECONDS,
    )
    if made.returncode:
        give_up(f"debootstrap cannot install {SUITE}: {made.stdout[-2000:]}{made.stderr[-2000:]}")
    return base


def requirements(*extras: str) -> list[str]:
    """Return what the wheel requires, and what these extras of it do."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    more = [project["optional-dependencies"].get(extra, ()) for extra in extras]
    return [*project["dependencies"], *itertools.chain(*more)]


def _download_wheels(folder: Path, python: str) -> None:
    """Put into a folder what the image gets from PyPI, and what builds the wheel, as tested."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check")
    target = ("--only-binary", ":all:", "--python-version", python, "--dest", str(folder))
    tested = folder.with_name("tested.txt")
    pins = [(ROOT / name).read_text().splitlines() for name in PINS]
    tested.write_text("\n".join(pin for pin in itertools.chain(*pins) if pin[:1] != "-"))
    _run(*pip, *target, "--constraint", tested, *build, *requirements(*EXTRAS))


class _Buildah:
    """buildah with a storage of its own below a folder."""

    def __init__(self, program: str, place: Path) -> None:
        storage = ("--root", place / "storage", "--runroot", place / "run")
        self._words = (program, *storage, "--storage-driver", "vfs")

    def _do(self, *words: str | Path, cwd: Path = ROOT) -> str:
        return _run(*self._words, *words, cwd=cwd).strip()

    def make_base(self, base: Path) -> None:
        """Make an image of the files in a folder."""
        container = self._do("from", "scratch")
        self._do("add", "--quiet", container, base)
        self._do("commit", "--quiet", "--rm", container, _BASE)

    def build(self, context: Path) -> Image:
        """Build the image of the service, and unpack it."""
        arguments = {
            "BASE": _BASE,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": "/source/wheels",
        }
        # Docker's format, because that of OCI has no health check.
        words = ["bud", "--isolation", "chroot", "--format", "docker", "--pull-never"]
        for name, value in arguments.items():
            words += ["--build-arg", f"{name}={value}"]
        self._do(*words, "--file", "deploy/Dockerfile", "--tag", _IMAGE, ".", cwd=context)
        known = json.loads(self._do("inspect", "--type", "image", _IMAGE))
        container = self._do("from", "--pull-never", _IMAGE)
        return Image(Path(self._do("mount", container)), known["Docker"]["config"])


class Container(Server):
    """A running container. Its service listens in the network of the thread that started it.

    :param runc: runc's command line without its subcommand.
    :param name: its name for runc.
    :param bundle: the folder with its ``config.json``.
    :param health_check: the command line of the health check that its image has.
    """

    def __init__(
        self, runc: tuple[str | Path, ...], name: str, bundle: Path, health_check: list[str]
    ) -> None:
        self.health_check = health_check
        self._runc = runc
        self._name = name
        words = [*map(str, runc), "run", "--bundle", str(bundle), name]
        super().__init__("flask-echo", words=words, port=PORT)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the container, as its user, to its end."""
        return subprocess.run(
            [*self._runc, "exec", self._name, *words], capture_output=True, text=True, timeout=30
        )


@contextmanager
def running(
    image: Image,
    place: Path,
    *arguments: str,
    memory: int | None = None,
    pids: int | None = None,
    sees_all_groups: bool = False,
    **settings: object,
) -> Iterator[Container]:
    """Run a container with a root that is read-only, as deploy/compose.yaml does.

    :param place: a folder for runc.
    :param arguments: options of the command.
    :param memory: its limit in bytes.
    :param pids: its limit of processes and threads together.
    :param sees_all_groups: whether it is without a cgroup namespace, and sees the host's names.
    :param settings: settings by their name without prefix.
    """
    name = f"flask-echo-{os.getpid()}-{next(_numbers)}"
    specification = _specification(image, arguments, settings)
    linux = specification["linux"]
    linux["cgroupsPath"] = name
    linux["resources"] |= {"memory": {"limit": memory}} if memory else {}
    linux["resources"] |= {"pids": {"limit": pids}} if pids else {}
    if not sees_all_groups:
        linux["namespaces"].append({"type": "cgroup"})
    bundle = place / name
    bundle.mkdir(parents=True)
    (bundle / "config.json").write_text(json.dumps(specification))
    runc = (program("runc"), "--root", place / "state")
    try:
        container = Container(runc, name, bundle, image.health_check)
        try:
            yield container
        finally:
            container.stop()
    finally:
        _run(*runc, "delete", "--force", name, seconds=30)


def _specification(
    image: Image, arguments: tuple[str, ...], settings: Mapping[str, object]
) -> dict[str, Any]:
    """Return runc's config.json for an image. It has no rlimits, which need CAP_SYS_RESOURCE."""
    uid, gid = map(int, image.config["User"].split(":"))
    variables = [f"FLASK_ECHO_{name}={value}" for name, value in settings.items()]
    return {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": uid, "gid": gid},
            "args": [*image.config["Entrypoint"], *arguments],
            "env": [*image.config["Env"], *variables],
            "cwd": image.config["WorkingDir"] or "/",
            "capabilities": {},
            "noNewPrivileges": True,
        },
        "root": {"path": str(image.root), "readonly": True},
        "mounts": [
            {"destination": place, "type": kind, "source": kind, "options": list(options)}
            for place, kind, options in _MOUNTS
        ],
        "linux": {
            "namespaces": [{"type": kind} for kind in _NAMESPACES],
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
        },
    }
