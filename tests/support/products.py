"""Real proxies in front of a server, each with a configuration of a test's own.

A configuration is a text in which ``PLACE`` is a folder, ``PORT`` is where the proxy listens on
127.0.0.1, and ``BACKEND`` is the address of the server.
"""

import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.support.required import program
from tests.support.servers import START_SECONDS, STOP_SECONDS, free_port
from tests.support.waiting import wait_until


class Product(NamedTuple):
    """A proxy that can be started.

    :ivar programs: names of its program, of which one is enough.
    :ivar words: returns the command after the program, for a configuration file and a port.
    :ivar configuration: a template; ``LINES`` is where a test's own lines go.
    :ivar forgetful: lines with which it does not pass upgrades on.
    """

    programs: tuple[str, ...]
    words: Callable[[Path, int], list[str]]
    configuration: str
    forgetful: str


PRODUCTS = {
    "nginx": Product(
        ("nginx",),
        lambda file, port: ["-p", str(file.parent), "-e", "stderr", "-c", str(file)],
        """
daemon off;
master_process off;
pid PLACE/nginx.pid;
events {}
http {
    access_log off;
    client_body_temp_path PLACE/body;
    proxy_temp_path PLACE/proxy;
    fastcgi_temp_path PLACE/fastcgi;
    uwsgi_temp_path PLACE/uwsgi;
    scgi_temp_path PLACE/scgi;
    server {
        listen 127.0.0.1:PORT;
        LINES
    }
}
""",
        "location / { proxy_pass http://BACKEND; }",
    ),
    "Apache": Product(
        ("apache2", "httpd"),
        lambda file, port: ["-f", str(file), "-D", "FOREGROUND"],
        """
ServerRoot PLACE
ServerName localhost
Listen 127.0.0.1:PORT
PidFile PLACE/pid
ErrorLog /dev/stderr
Mutex file:PLACE
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
StartServers 1
LINES
""",
        'ProxyPass "/" "http://BACKEND/"',
    ),
    "HAProxy": Product(
        ("haproxy",),
        lambda file, port: ["-db", "-f", str(file)],
        """
defaults
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend in
    mode http
    bind 127.0.0.1:PORT
    default_backend websockets
LINES
""",
        """
backend websockets
    mode http
    http-request del-header Upgrade
    server app BACKEND
""",
    ),
    "squid": Product(
        ("squid",),
        lambda file, port: ["-N", "-f", str(file)],
        """
http_port 127.0.0.1:PORT accel defaultsite=localhost no-vhost
cache_peer HOST parent UPSTREAM 0 no-query originserver
http_access allow all
cache deny all
pid_filename PLACE/pid
access_log none
cache_log PLACE/cache.log
coredump_dir PLACE
shutdown_lifetime 0 seconds
pinger_enable off
LINES
""",
        "",
    ),
    "lighttpd": Product(
        ("lighttpd",),
        lambda file, port: ["-D", "-f", str(file)],
        """
server.document-root = "PLACE"
server.bind = "127.0.0.1"
server.port = PORT
server.modules = ( "mod_proxy" )
proxy.server = ( "" => (( "host" => "HOST", "port" => UPSTREAM )) )
LINES
""",
        "",
    ),
    "Varnish": Product(
        ("varnishd",),
        lambda file, port: [
            *("-F", "-n", str(file.parent / "varnish"), "-a", f"127.0.0.1:{port}"),
            *("-f", str(file), "-s", "malloc,16m", "-j", "none"),
        ],
        """
vcl 4.1;
backend default { .host = "HOST"; .port = "UPSTREAM"; }
LINES
""",
        "",
    ),
    "h2o": Product(
        ("h2o",),
        lambda file, port: ["-c", str(file)],
        """
listen:
  host: 127.0.0.1
  port: PORT
num-threads: 1
LINES
hosts:
  default:
    paths:
      "/":
        proxy.reverse.url: "http://BACKEND/"
""",
        "",
    ),
}


@contextmanager
def proxy(name: str, lines: str, upstream: int) -> Iterator[int]:
    """Run a product in front of a port of 127.0.0.1; yield its own port.

    Without its program the test is skipped, or fails if nothing may be missing.

    :param lines: of its configuration; ``BACKEND`` in them is replaced.
    """
    product = PRODUCTS[name]
    binary, port = program(*product.programs), free_port()
    with TemporaryDirectory(prefix=f"{name}-") as place:
        Path(place).chmod(0o755)  # Some start as root, and then change their user.
        file = Path(place, "configuration")
        text = product.configuration.replace("LINES", lines)
        for old, new in {
            "PLACE": place,
            "PORT": str(port),
            "BACKEND": f"127.0.0.1:{upstream}",
            "HOST": "127.0.0.1",
            "UPSTREAM": str(upstream),
        }.items():
            text = text.replace(old, new)
        file.write_text(text)
        with _running([binary, *product.words(file, port)], port, Path(place, "log")):
            yield port


@contextmanager
def _running(words: list[str], port: int, log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(words, stdout=output, stderr=output, cwd=log.parent)
    try:
        wait_until(lambda: _listens(process, port, log), START_SECONDS, log.read_text)
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listens(process: "subprocess.Popen[bytes]", port: int, log: Path) -> bool:
    assert process.poll() is None, f"ended at once\n{log.read_text()}"
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
