"""aiohttp's WebSocket server."""

from aiohttp import WSMsgType, web

from bench.servers.common import HOST, MAX_MESSAGE_BYTES, port_argument


async def echo(request: web.Request) -> web.WebSocketResponse:
    """Return every message as it came."""
    ws = web.WebSocketResponse(max_msg_size=MAX_MESSAGE_BYTES)
    await ws.prepare(request)
    async for message in ws:
        if message.type is WSMsgType.TEXT:
            await ws.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await ws.send_bytes(message.data)
    return ws


if __name__ == "__main__":
    app = web.Application()
    app.router.add_get("/echo", echo)
    web.run_app(app, host=HOST, port=port_argument(), access_log=None, print=None)
