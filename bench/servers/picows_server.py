"""picows, compiled: the most that a WebSocket server in Python can be expected to do."""

import asyncio

from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from bench.servers.common import HOST, MAX_MESSAGE_BYTES, port_argument


class Echo(WSListener):
    """Returns every message as it came."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Answer one frame. The load sends no fragments and no pings."""
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        else:
            transport.send(frame.msg_type, frame.get_payload_as_memoryview())


def listener(_: WSUpgradeRequest) -> WSListener:
    """Make the listener of a new connection."""
    return Echo()


async def main() -> None:
    """Serve until the process is ended."""
    server = await ws_create_server(
        listener, HOST, port_argument(), max_frame_size=MAX_MESSAGE_BYTES
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
