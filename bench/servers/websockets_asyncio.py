"""websockets' asyncio server."""

import asyncio

from websockets.asyncio.server import ServerConnection, serve

from bench.servers.common import HOST, MAX_MESSAGE_BYTES, port_argument


async def echo(connection: ServerConnection) -> None:
    """Return every message as it came."""
    async for message in connection:
        await connection.send(message)


async def main() -> None:
    """Serve until the process is ended."""
    async with serve(
        echo,
        HOST,
        port_argument(),
        ping_interval=None,
        max_size=MAX_MESSAGE_BYTES,
    ) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
