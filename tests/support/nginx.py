"""A real nginx in front of a server, configured well or badly."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.required import program
from tests.support.servers import START_SECONDS, STOP_SECONDS, free_port
from tests.support.waiting import wait_until

RIGHT = """
proxy_http_version 1.1;
proxy_set_header Upgrade $http_upgrade;
proxy_set_header Connection $connection_upgrade;
proxy_set_header Host $http_host;
proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
proxy_set_header X-Forwarded-Proto $scheme;
proxy_set_header X-Forwarded-Host $http_host;
"""
FORGETFUL = "proxy_set_header Host $http_host;"  # all that is missing is what WebSockets need
IMPATIENT = f"{RIGHT} proxy_read_timeout 2s;"

# One process that writes nowhere but below {place}, so that it needs no rights and leaves nothing.
CONFIGURATION = """
daemon off;
master_process off;
pid {place}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {place}/body;
    proxy_temp_path {place}/proxy;
    fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi;
    scgi_temp_path {place}/scgi;
    {servers}
}}
"""
SERVER = """
map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
server {{
    listen 127.0.0.1:{port};
    location / {{
        proxy_pass http://127.0.0.1:{upstream};
        {directives}
    }}
}}
"""


@contextmanager
def nginx(upstream: int, directives: str) -> Iterator[int]:
    """Run nginx in front of a port of 127.0.0.1; yield its own port.

    Without nginx the test is skipped, or fails if it is required.
    """
    port = free_port()
    servers = SERVER.format(port=port, upstream=upstream, directives=directives)
    with nginx_with(servers, port):
        yield port


@contextmanager
def nginx_with(servers: str, port: int) -> Iterator[None]:
    """Run nginx with these lines in its block ``http``; they listen on ``port`` of 127.0.0.1."""
    binary = program("nginx")
    with TemporaryDirectory(prefix="nginx-") as place:
        configuration = Path(place, "nginx.conf")
        configuration.write_text(CONFIGURATION.format(place=place, servers=servers))
        log = Path(place, "log")
        with log.open("wb") as output:
            process = subprocess.Popen(
                [binary, "-p", place, "-e", "stderr", "-c", str(configuration)],
                stdout=output, stderr=output,
            )  # fmt: skip
        try:
            wait_until(lambda: _listens(process, port, log), START_SECONDS, log.read_text)
            yield
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


def _listens(process: "subprocess.Popen[bytes]", port: int, log: Path) -> bool:
    assert process.poll() is None, f"nginx ended at once\n{log.read_text()}"
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
