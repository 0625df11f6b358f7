"""http-proxy in a script for Node, as its documentation has it; also what all Node proxies need."""

import json
from pathlib import Path

from tests.support.products.product import Product, Running

NODE_MODULES = Path(__file__).parent / "node" / "node_modules"

# A script that begins with this is started again whenever its file changes.
WATCHED = "// Start with: node --watch\n"


def missing_packages() -> str | None:
    """Say how to install the packages, if they are not."""
    if NODE_MODULES.is_dir():
        return None
    return "npm packages are not installed: npm ci --prefix tests/support/products/node"


def start_script(file: Path, _port: int) -> list[str]:
    """Let a script find the packages beside it; return the arguments of Node."""
    (file.parent / "node_modules").symlink_to(NODE_MODULES)
    return [*(["--watch"] if WATCHED in file.read_text() else []), str(file)]


def touch(running: Running) -> None:
    """Change the file of a proxy that is watched."""
    (running.place / "proxy.cjs").touch()


_OPTIONS = """
const options = { target: "http://BACKEND", xfwd: true };"""


def _options(more: str) -> str:
    return _OPTIONS.replace(" }", f", {more} }}")


# Without a listener for upgrades, Node treats one like any other request.
_PROXY = """
const proxy = httpProxy.createProxyServer(options);
proxy.on("error", (error, request, response) => {
  // After an upgrade request it is a socket.
  if (response.writeHead) response.writeHead(502).end("Bad gateway");
  else response.destroy();
});"""
_PLAIN = """
const server = http.createServer((request, response) => proxy.web(request, response));"""
_UPGRADES = """
server.on("upgrade", (request, socket, head) => {
  socket.on("error", () => socket.destroy()); // A client that is gone would end the process.
  proxy.ws(request, socket, head);
});"""
_RIGHT = _OPTIONS + _PROXY + _PLAIN + _UPGRADES

# The beginning of the two addresses with faults.
_IS_WEBSOCKET = "/^\\/(echo|inspect)(?=\\?|$)/"
_AT_WEBSOCKETS = f"{_IS_WEBSOCKET}.test(request.url)"


def _routed(condition: str, then: str, upgrade: str, *, otherwise: str = "") -> str:
    """Servers that do something of their own with some requests, and pass the others on.

    ``chosen`` in these is what proxy.web and proxy.ws get as their last argument.
    """
    return f"""{_OPTIONS}{_PROXY}
const server = http.createServer((request, response) => {{
  let chosen = {{}};
  if ({condition}) {{ {then} }}{otherwise and " else { return response.writeHead(404).end(); }"}
  proxy.web(request, response, chosen);
}});
server.on("upgrade", (request, socket, head) => {{
  let chosen = {{}};
  if ({condition}) {{ {upgrade} }}{otherwise and f" else {{ {otherwise} }}"}
  proxy.ws(request, socket, head, chosen);
}});"""


def _changed(condition: str, change: str, *, otherwise: str = "") -> str:
    return _routed(condition, change, change, otherwise=otherwise)


def _refused(status: str, **headers: str) -> str:
    """Refuse WebSockets and other requests alike, as the documentation of ws has it."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\\r\\n" for name, value in fields.items())
    return _routed(
        _AT_WEBSOCKETS,
        f"return response.writeHead({status[:3]}, {json.dumps(fields)}).end();",
        f"return socket.end('HTTP/1.1 {status}\\r\\n{lines}Connection: close\\r\\n\\r\\n');",
    )


def _before(line: str) -> str:
    return _RIGHT.replace(_PROXY, f"{_PROXY}\n{line}")


_BELOW = 'request.url.startsWith("/ws/")'
_NOT_FOUND = "return socket.end('HTTP/1.1 404 Not Found\\r\\nConnection: close\\r\\n\\r\\n');"
_STRIP = 'request.url = request.url.replace(/^\\/ws/, "");'

HTTP_PROXY = Product(
    programs=("node",),
    words=start_script,
    configuration="""
const http = require("node:http");
const httpProxy = require("http-proxy");
LINES
server.listen(PORT, "127.0.0.1");
""",
    correct=_RIGHT,
    faults={
        "upgrade-not-passed-on": _OPTIONS + _PROXY + _PLAIN,
        "compression-offer-removed": _before(
            'proxy.on("proxyReqWs", (request) => request.removeHeader("Sec-WebSocket-Extensions"));'
        ),
        "origin-changed": _RIGHT.replace(
            _OPTIONS, _options('headers: { origin: "http://BACKEND" }')
        ),
        "origin-removed": _before(
            'proxy.on("proxyReqWs", (request) => request.removeHeader("Origin"));'
        ),
        "host-changed": _RIGHT.replace(_OPTIONS, _options("changeOrigin: true")),
        "prefix-not-announced": _changed(_BELOW, _STRIP, otherwise=_NOT_FOUND),
        "prefix-not-stripped": _changed(_BELOW, "", otherwise=_NOT_FOUND),
        # The path of a target comes before the request's.
        "prefix-added": _changed(_AT_WEBSOCKETS, 'chosen = { target: "http://BACKEND/app" };'),
        "path-rewritten": _changed(
            _AT_WEBSOCKETS, f'request.url = request.url.replace({_IS_WEBSOCKET}, "/");'
        ),
        "path-not-routed": _refused("404 Not Found"),
        "server-down": _changed(_AT_WEBSOCKETS, 'chosen = { target: "http://DEAD" };'),
        "proxy-401": _refused("401 Unauthorized", WWW_Authenticate='Basic realm="proxy"'),
        "proxy-403": _refused("403 Forbidden"),
        "reload": WATCHED + _RIGHT,
        "two-servers": _changed(
            "true", "chosen = { target: servers[0] }; servers.push(servers.shift());"
        ).replace(_OPTIONS, f'{_OPTIONS}\nconst servers = ["http://BACKEND", "http://SECOND"];'),
    },
    cured={
        "upgrade-not-passed-on": f"{_OPTIONS}{_PROXY}{_PLAIN}\nCURE",
        **dict.fromkeys(
            ("compression-offer-removed", "origin-changed", "origin-removed"),
            _before("CURE"),
        ),
        "host-changed": _before("CURE").replace(_OPTIONS, _options("changeOrigin: true")),
        **dict.fromkeys(
            ("prefix-not-announced", "prefix-not-stripped"),
            f"{_OPTIONS}{_PROXY}\nCURE",
        ),
        **dict.fromkeys(
            ("prefix-added", "path-rewritten", "path-not-routed", "proxy-401", "proxy-403"),
            f"{_OPTIONS}{_PROXY}{_PLAIN}\nCURE",
        ),
        "server-down": f"CURE{_PROXY}{_PLAIN}{_UPGRADES}",
    },
    impossible={
        "http-1.0": "Node speaks no HTTP/1.0 to a server",
        "idle-cut": "it switches the time-outs of both sockets off",
        "lifetime-limit": "it has no limit on the lifetime of a connection",
        "compression-answer-removed": "nothing can change the headers of a 101",
        "server-slow": "its proxyTimeout does not count for upgrades, which wait for ever",
        "proxy-301": "not something that people configure",
        "proxy-limit": "not something that people configure",
        "http-2": "it fails at the pseudo-headers of HTTP/2",
        "http-2-connect": "it fails at the pseudo-headers of HTTP/2",
    },
    file="proxy.cjs",
    reload=touch,
    needs=missing_packages,
)
