"""A load test with Locust: many clients send numbered messages and check the replies.

Use a separate environment, because Locust needs its own versions of Flask and Werkzeug::

    python3 -m venv locust
    locust/bin/pip install -r requirements.txt
    locust/bin/locust -f locustfile.py --headless --host wss://echo.example.org \
        --users 500 --spawn-rate 50 --run-time 60s --stop-timeout 15

``--stop-timeout`` lets each client wait for its last reply. For several machines, add
``--master`` here and ``--worker --master-host ADDRESS`` on the others. The service sees all clients
of one machine as one client. Its limits per client apply to them together:
``FLASK_ECHO_MAX_CONNECTIONS_PER_CLIENT``, ``FLASK_ECHO_MAX_HANDSHAKES_PER_SECOND_PER_CLIENT``.
"""

from time import perf_counter

from locust import User, constant_throughput, events, task
from websocket import create_connection

# For the handshake, a reply, and the Close frame of the server.
PATIENCE_SECONDS = 10


@events.init_command_line_parser.add_listener
def add_options(parser):
    """Let the command line and the web page choose the path and the rate."""
    parser.add_argument("--path", default="/echo", help="path of the WebSocket")
    parser.add_argument(
        "--messages-per-second", type=float, default=1, help="messages per second of each client"
    )


class Client(User):
    """One connection. It waits for each reply before it sends the next message."""

    def on_start(self):
        """Connect. A failure is counted, and the client tries again with its next task."""
        self.number = 0
        self.awaited = None
        self.socket = None

    def wait_time(self):
        """Return how long to wait before the next message, in seconds."""
        return constant_throughput(self.environment.parsed_options.messages_per_second)(self)

    @task
    def echo(self):
        """Send a message and check its reply."""
        if self.socket is None:
            self.measure("connect", self.connect)
        if self.socket is not None:
            self.measure("echo", self.send_and_receive)

    def on_stop(self):
        """Close with 1000, after the last reply. Locust may stop a client that waits for it."""
        if self.awaited is not None:
            self.measure("echo", self.receive)
        if self.socket is not None:
            self.socket.close(timeout=PATIENCE_SECONDS)

    def connect(self):
        """Open the WebSocket."""
        address = self.host + self.environment.parsed_options.path
        self.socket = create_connection(address, timeout=PATIENCE_SECONDS)
        return 0

    def send_and_receive(self):
        """Send one message, and return the size of its reply."""
        self.number += 1
        self.awaited = f"message {self.number}"
        self.socket.send(self.awaited)
        return self.receive()

    def receive(self):
        """Check the reply to the last message, and return its size."""
        reply = self.socket.recv()
        if reply != self.awaited:
            raise ValueError(f"the reply to {self.awaited!r} was {reply!r}")
        self.awaited = None
        return len(reply)

    def measure(self, name, step):
        """Run a step, and report its time and its failure to Locust."""
        began, size, failure = perf_counter(), 0, None
        try:
            size = step()
        except Exception as error:  # From a library or the network, or a wrong reply.
            failure = error
            self.disconnect()
        self.environment.events.request.fire(
            request_type="WebSocket",
            name=name,
            response_time=(perf_counter() - began) * 1000,
            response_length=size,
            exception=failure,
        )

    def disconnect(self):
        """Give up a connection that has failed."""
        if self.socket is not None:
            self.socket.shutdown()
        self.socket = self.awaited = None
