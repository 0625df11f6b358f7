"""The floor: what a thread per connection costs in Python before any protocol.

It receives, counts bytes and answers with fixed strings: no parsing, no unmasking, no framing. So
it is no WebSocket server, and what a real one adds is its figure against this one. The switch
interval and the stack size are the ones of this project's worker.

usage: python -m bench.servers.floor PORT FRAME_BYTES REPLY_FILE
"""

import contextlib
import socket
import sys
import threading
from pathlib import Path

from bench.servers.common import HOST, port_argument
from bench.wire import ACCEPT, CLOSE_FRAME, CLOSE_REPLY

BACKLOG = 4096
STACK_BYTES = 512 * 1024
SWITCH_SECONDS = 0.1
# A read takes up to this many messages, as a server with a modest buffer would.
READ_AHEAD = 16
MAX_READ_BYTES = 256 * 1024

UPGRADED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n"
)
# Its fixed bytes are a compressed reply if the clients of the load offer compression.
DEFLATE = b"permessage-deflate"
AGREED = b"Sec-WebSocket-Extensions: " + DEFLATE + b"\r\n"


def answer(client: socket.socket, frame_bytes: int, reply: bytes) -> None:
    """Answer one connection until it ends; runs in a thread of its own."""
    with client, contextlib.suppress(OSError):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = client.recv(MAX_READ_BYTES)
        client.sendall(UPGRADED + (AGREED if DEFLATE in request else b"") + b"\r\n")
        read_bytes = min(READ_AHEAD * frame_bytes, MAX_READ_BYTES)
        pending = 0
        while data := client.recv(read_bytes):
            if data == CLOSE_FRAME:
                client.sendall(CLOSE_REPLY)
                return
            whole, pending = divmod(pending + len(data), frame_bytes)
            if whole:
                client.sendall(reply * whole)


def main(port: int, frame_bytes: int, reply: bytes) -> None:
    """Accept connections for ever, a thread for each."""
    threading.stack_size(STACK_BYTES)
    sys.setswitchinterval(SWITCH_SECONDS)
    with socket.create_server((HOST, port), backlog=BACKLOG) as listener:
        while True:
            client, _ = listener.accept()
            arguments = (client, frame_bytes, reply)
            threading.Thread(target=answer, args=arguments, daemon=True).start()


if __name__ == "__main__":
    main(port_argument(), int(sys.argv[2]), Path(sys.argv[3]).read_bytes())
