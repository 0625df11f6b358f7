"""Vite's development server with its option server.proxy."""

from pathlib import Path

from tests.support.products.http_proxy import NODE_MODULES, missing_packages
from tests.support.products.product import Product, Running


def _context(*more: str, path: str = "/", target: str = "BACKEND", ws: str = "ws: true") -> str:
    """One entry of server.proxy. Of all that fit, the first one counts."""
    # Each cure ends with its own comma.
    options = "".join(
        f"      {option}\n" if option == "CURE" else f"      {option},\n"
        for option in (f'target: "http://{target}"', "xfwd: true", ws, *more)
        if option
    )
    return f'    "{path}": {{\n{options}    }},\n'


def _lines(*contexts: str, more: str = "") -> str:
    return f"  server: {{{more}\n    proxy: {{\n{''.join(contexts)}    }},\n  }},"


def _two(*more: str, target: str = "BACKEND") -> str:
    """Entries for ``/echo`` and ``/inspect``, and one for the rest."""
    return _lines(
        _context(*more, path="^/(echo|inspect)(?=\\\\?|$)", target=target),
        _context(),
    )


def _listening(proxy: str) -> str:
    return f'configure: (proxy) => proxy.on("proxyReqWs", (request) => {proxy})'


def _below(*more: str) -> str:
    return _lines(_context(*more, path="/ws/"))


_STRIP = 'rewrite: (path) => path.replace(/^\\/ws/, "")'
_TLS = ' https: { cert: "CERTIFICATE", key: "KEY" },'
_NO_SUCH_FEATURE = "not something that people configure"


def _words(file: Path, port: int) -> list[str]:
    return [
        str(NODE_MODULES / "vite/bin/vite.js"),
        *("--config", str(file), "--configLoader", "native"),
        *("--host", "127.0.0.1", "--port", str(port), "--strictPort"),
    ]


def _reload(running: Running) -> None:
    """Change the configuration, which Vite watches."""
    with (running.place / "vite.config.mjs").open("a") as file:
        file.write("\n")


VITE = Product(
    programs=("node",),
    words=_words,
    configuration="""
export default {
  root: "PLACE",
  cacheDir: "PLACE/cache",
LINES
};
""",
    correct=_lines(_context()),
    faults={
        "upgrade-not-passed-on": _lines(_context(ws="")),
        "compression-offer-removed": _lines(
            _context(_listening('request.removeHeader("Sec-WebSocket-Extensions")'))
        ),
        "origin-changed": _lines(_context("rewriteWsOrigin: true")),
        "origin-removed": _lines(_context(_listening('request.removeHeader("Origin")'))),
        "host-changed": _lines(_context("changeOrigin: true")),
        "prefix-not-announced": _below(_STRIP),
        "prefix-not-stripped": _below(),
        # The path of a target comes before the request's.
        "prefix-added": _two(target="BACKEND/app"),
        "path-rewritten": _two('rewrite: (path) => path.replace(/^\\/(echo|inspect)/, "/")'),
        # Nothing answers an upgrade at a path that it does not know.
        "path-not-routed": _lines(_context(path="^/(?!(echo|inspect)(\\\\?|$))")),
        "server-down": _two(target="DEAD"),
        "reload": _lines(_context()),
        "http-2": _lines(_context(), more=_TLS),
    },
    cured={
        **dict.fromkeys(
            (
                "compression-offer-removed",
                "origin-changed",
                "origin-removed",
                "host-changed",
            ),
            _lines(_context("CURE")),
        ),
        "upgrade-not-passed-on": _lines(_context("CURE", ws="")),
        "prefix-not-announced": _below(_STRIP, "CURE"),
        "prefix-not-stripped": _below("CURE"),
        **dict.fromkeys(
            ("prefix-added", "path-rewritten", "path-not-routed", "server-down"),
            _lines("CURE\n", _context()),
        ),
    },
    impossible={
        "http-1.0": "Node speaks no HTTP/1.0 to a server",
        "idle-cut": "it switches the time-outs of both sockets off",
        "lifetime-limit": "it has no limit on the lifetime of a connection",
        "compression-answer-removed": "nothing can change the headers of a 101",
        "server-slow": "its proxyTimeout does not count for upgrades, which wait for ever",
        "proxy-401": _NO_SUCH_FEATURE,
        "proxy-403": _NO_SUCH_FEATURE,
        "proxy-301": _NO_SUCH_FEATURE,
        "proxy-limit": _NO_SUCH_FEATURE,
        "two-servers": "a path has one server",
        "http-2-connect": "it has no extended CONNECT",
    },
    file="vite.config.mjs",
    reload=_reload,
    needs=missing_packages,
)
