"""websockets' threaded server: the same shape as this project, another library."""

from websockets.sync.server import ServerConnection, serve

from bench.servers.common import HOST, MAX_MESSAGE_BYTES, port_argument


def echo(connection: ServerConnection) -> None:
    """Return every message as it came."""
    for message in connection:
        connection.send(message)


if __name__ == "__main__":
    with serve(
        echo,
        HOST,
        port_argument(),
        ping_interval=None,
        max_size=MAX_MESSAGE_BYTES,
    ) as server:
        server.serve_forever()
