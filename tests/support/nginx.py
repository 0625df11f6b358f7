"""A real nginx in front of a server, configured well or badly."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.products.nginx import NGINX
from tests.support.products.product import running

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

# It writes nowhere but below PLACE, so that it needs no rights and leaves nothing.
HTTP = """
http {
    access_log off;
    client_body_temp_path PLACE/body;
    proxy_temp_path PLACE/proxy;
    fastcgi_temp_path PLACE/fastcgi;
    uwsgi_temp_path PLACE/uwsgi;
    scgi_temp_path PLACE/scgi;
    SERVERS
}
"""
SERVER = """
map $http_upgrade $connection_upgrade { default upgrade; '' close; }
server {
    listen 127.0.0.1:PORT;
    location / {
        proxy_pass http://BACKEND;
        DIRECTIVES
    }
}
"""


def without_chat(directives: str) -> str:
    """Return lines for an nginx that passes everything on but the address of the chat."""
    place = f"location = /WS.ashx {{ {directives} }}\n    location / {{"
    return SERVER.replace("location / {", place).replace("DIRECTIVES", RIGHT)


@contextmanager
def nginx(upstream: int, directives: str) -> Iterator[int]:
    """Run nginx in front of a port of 127.0.0.1; yield its own port.

    Without nginx the test is skipped, or fails if it is required.
    """
    with nginx_with(SERVER.replace("DIRECTIVES", directives), upstream) as port:
        yield port


@contextmanager
def nginx_with(servers: str, upstream: int) -> Iterator[int]:
    """Run nginx with these lines in its block ``http``; yield its port.

    In them, ``PORT`` and ``BACKEND`` stand for what :mod:`tests.support.products.product` says.
    """
    lines = HTTP.replace("SERVERS", servers)
    with running(NGINX, lines, backend=f"127.0.0.1:{upstream}") as proxy:
        yield proxy.port
