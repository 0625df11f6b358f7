"""What to change in a script with http-proxy, by the fault.

``server`` stands for the server of Node, ``proxy`` for the result of createProxyServer, and
``options`` for what that was given.
"""

# Lines before it, such as a check of a password, belong to the other requests only.
_PASS_ALL_ON = """\
// In place of each other listener for upgrades:
server.removeAllListeners("upgrade");
server.on("upgrade", (request, socket, head) => proxy.ws(request, socket, head));"""

_AT_A_PREFIX = """\
const below = (request) => {
  if (!request.url.startsWith("/ws/")) return false;
  request.url = request.url.slice("/ws".length);
  request.headers["x-forwarded-prefix"] = "/ws";
  return true;
};
const server = http.createServer((request, response) => {
  if (below(request)) proxy.web(request, response);
  else response.writeHead(404).end();
});
server.on("upgrade", (request, socket, head) => {
  if (below(request)) proxy.ws(request, socket, head);
  else socket.end("HTTP/1.1 404 Not Found\\r\\nConnection: close\\r\\n\\r\\n");
});"""

CURES = {
    # https://github.com/http-party/node-http-proxy#proxying-websockets
    # Where createProxyServer(options).listen(port) is the server, ws: true in the options does it.
    "upgrade-not-passed-on": (
        'server.on("upgrade", (request, socket, head) => proxy.ws(request, socket, head));'
    ),
    # https://github.com/http-party/node-http-proxy#listening-for-proxy-events
    "compression-offer-removed": (
        '// Remove from the listener for proxyReqWs: removeHeader("Sec-WebSocket-Extensions")'
    ),
    # https://github.com/http-party/node-http-proxy#options
    "origin-changed": "// Remove from the options: headers: { origin: ... }",
    # https://github.com/http-party/node-http-proxy#listening-for-proxy-events
    "origin-removed": '// Remove from the listener for proxyReqWs: removeHeader("Origin")',
    # https://github.com/http-party/node-http-proxy#options
    "host-changed": "options.changeOrigin = false;",
    # https://github.com/http-party/node-http-proxy#proxying-websockets
    "prefix-not-announced": _AT_A_PREFIX,
    # https://github.com/http-party/node-http-proxy#proxying-websockets
    "prefix-not-stripped": _AT_A_PREFIX,
    # https://github.com/http-party/node-http-proxy#proxying-websockets
    "prefix-added": _PASS_ALL_ON,
    # https://github.com/http-party/node-http-proxy#proxying-websockets
    "path-rewritten": _PASS_ALL_ON,
    # https://github.com/http-party/node-http-proxy#proxying-websockets
    "path-not-routed": _PASS_ALL_ON,
    # https://github.com/http-party/node-http-proxy#proxying-websockets
    "proxy-401": _PASS_ALL_ON,
    # https://github.com/http-party/node-http-proxy#proxying-websockets
    "proxy-403": _PASS_ALL_ON,
    # https://github.com/http-party/node-http-proxy#options
    "server-down": 'const options = { target: "http://BACKEND", xfwd: true };',
}
