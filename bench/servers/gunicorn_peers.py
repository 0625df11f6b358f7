"""gunicorn's settings for the peers that run under it (`stock` and `gunicorn-asgi`).

The largest load holds 10,000 connections and asks for pages beside them. Threads are created when
they are needed, so unused ones cost nothing.
"""

threads = 11_000
worker_connections = 12_000
workers = 1
control_socket_disable = True
# Without uvloop, as the other asyncio peers.
asgi_loop = "asyncio"
