"""gunicorn's settings for the service: those for any application, and where the service listens.

The command ``flask-echo`` uses them, and so does the repository's ``gunicorn.conf.py``. The
environment variables ``HOST`` and ``PORT`` say where to listen, ``WEB_CONCURRENCY`` says how many
worker processes there are, ``CERTFILE`` and ``KEYFILE`` name the files for TLS.

**A trap:** gunicorn's master imports this module. See :mod:`flask_echo.gunicorn_conf` for what
must not be imported here.
"""

import os
import sys
from contextlib import suppress
from typing import Any

from flask_echo import gunicorn_conf, tls
from flask_echo.config import Settings, load_settings
from flask_echo.gunicorn_conf import *  # noqa: F403  # as an own gunicorn.conf.py does
from flask_echo.listening import bind_address, url
from flask_echo.metrics.folder import make_shared_folder
from flask_echo.startup import refuse
from flask_echo.traces.folder import shared_folder
from flask_echo.websocket.options import OptionError

__all__ = [
    *gunicorn_conf.__all__,
    "bind",
    "certfile",
    "ciphers",
    "forwarder_headers",
    "keyfile",
    "limit_request_field_size",
    "limit_request_fields",
    "limit_request_line",
    "on_starting",
    "post_worker_init",
    "pre_exec",
    "secure_scheme_headers",
    "when_ready",
]

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = "8080"


def _load_settings() -> Settings:
    """Check the names and values of all settings, also those that gunicorn does not need."""
    try:
        return load_settings()
    except OptionError as error:
        refuse(str(error))


_SETTINGS = _load_settings()

bind = bind_address(os.environ.get("HOST") or DEFAULT_HOST, os.environ.get("PORT") or DEFAULT_PORT)


def _certificate_files() -> tuple[str, str] | tuple[None, None]:
    """Return the files of the certificate and of its key, or None twice. Refuse bad ones.

    Checked here and not only in on_starting, so that nothing is logged before the one line.
    """
    given = [os.environ.get(name) for name in ("CERTFILE", "KEYFILE")]
    if not any(given):
        return None, None
    if not all(given):
        missing = "--keyfile (KEYFILE)" if given[0] else "--certfile (CERTFILE)"
        refuse(f"{missing} is missing: TLS needs the certificate and its private key")
    # gunicorn may change the directory later. A symbolic link stays one: certbot swaps it.
    certfile, keyfile = (os.path.abspath(file or "") for file in given)
    try:
        tls.check_files(certfile, keyfile)
    except tls.BadCertificate as error:
        refuse(str(error))
    return certfile, keyfile


certfile, keyfile = _certificate_files()
ciphers = tls.CIPHERS

# gunicorn must not interpret the headers of a proxy, even one on this machine.
# FLASK_ECHO_TRUSTED_PROXIES says which ones the application believes.
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}

# Browsers send about 20 fields, and the proxies of a CDN and a host add some 20. The longest is a
# Cookie: browsers allow 4 KiB for each cookie (RFC 6265, section 6.1), so two large ones pass. The
# longest address is a query of /echo with all its options: under 1 KiB. The worker limits the sum.
limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190
worker_class = "flask_echo.worker.ServiceWorker"

if _SETTINGS.log_format == "json":
    logger_class = "flask_echo.gunicorn_log.JsonLogger"


def on_starting(server: Any) -> None:  # type: ignore[no-redef]
    """Check the resources, and make the folders for traces and figures, which workers share."""
    gunicorn_conf.on_starting(server)
    if _SETTINGS.metrics:
        _make_folder_for_figures(server.cfg)
    if _SETTINGS.traces == "local":
        with suppress(OSError):  # The workers find the same, and say so.
            shared_folder()


def _make_folder_for_figures(cfg: Any) -> None:
    try:
        make_shared_folder(cfg.uid, cfg.gid)
    except OSError as error:
        refuse(f"FLASK_ECHO_METRICS=true needs a folder for temporary files: {error}")


def post_worker_init(worker: Any) -> None:
    """Let the worker show its figures before its first request."""
    # Not at the top: gunicorn's master imports this module.
    from flask_echo.metrics.extension import begin_all

    begin_all()


def pre_exec(server: Any) -> None:  # type: ignore[no-redef]
    """Make SIGUSR2 start a new gunicorn with ``python -m gunicorn``, as the command did.

    gunicorn would run its ``__main__.py`` by path. Its package ``http`` would then hide Python's.
    """
    gunicorn_conf.pre_exec(server)
    server.START_CTX["args"] = [sys.executable, "-m", "gunicorn", *sys.argv[1:]]


def when_ready(server: Any) -> None:
    """Print the URL, once the server listens."""
    for listener in server.LISTENERS:
        print(f"Serving on {url(listener, server.cfg.is_ssl)} (Ctrl-C stops)", flush=True)
