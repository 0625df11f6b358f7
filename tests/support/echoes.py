"""Servers that are not ours: other echo servers, and a web server without WebSockets."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.products.http_proxy import missing_packages, start_script
from tests.support.products.product import listens
from tests.support.required import give_up, program
from tests.support.servers import START_SECONDS, STOP_SECONDS, free_port
from tests.support.waiting import wait_until

_WEBSOCKETS = """
import asyncio
from websockets.asyncio.server import serve

async def echo(ws):
    async for message in ws:
        await ws.send(message)

async def main():
    async with serve(echo, "127.0.0.1", PORT) as server:
        await server.serve_forever()

asyncio.run(main())
"""

_AIOHTTP = """
from aiohttp import WSMsgType, web

async def echo(request):
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    async for message in ws:
        if message.type == WSMsgType.TEXT:
            await ws.send_str(message.data)
        elif message.type == WSMsgType.BINARY:
            await ws.send_bytes(message.data)
    return ws

app = web.Application()
app.router.add_get("/echo", echo)
web.run_app(app, host="127.0.0.1", port=PORT, print=None)
"""

_WS = """
const { WebSocketServer } = require("ws");
const server = new WebSocketServer({ host: "127.0.0.1", port: PORT, perMessageDeflate: true });
server.on("connection", (socket) => {
  socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
});
"""

_COMMANDS = {"websockets": _WEBSOCKETS, "aiohttp": _AIOHTTP, "ws": _WS}

# Echo servers of other projects.
OTHERS = tuple(_COMMANDS)


@contextmanager
def other_server(kind: str) -> Iterator[str]:
    """Run one of :data:`OTHERS`, or ``web`` without WebSockets; yield its URL.

    Without its package the test is skipped, or fails if nothing may be missing.
    """
    port = free_port()
    with TemporaryDirectory() as place:
        words = _words(kind, Path(place), port)
        process = subprocess.Popen(
            words, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            wait_until(lambda: listens(port), START_SECONDS)
            yield f"ws://127.0.0.1:{port}/echo"
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


def _words(kind: str, place: Path, port: int) -> list[str]:
    if kind == "web":
        return [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    file = place / ("server.cjs" if kind == "ws" else "server.py")
    file.write_text(_COMMANDS[kind].replace("PORT", str(port)))
    if kind == "ws":
        if reason := missing_packages():
            give_up(reason)
        return [program("node"), *start_script(file, port)]
    if find_spec(kind) is None:
        give_up(f"{kind} is not installed: pip install -r requirements-matrix.txt")
    return [sys.executable, str(file)]
