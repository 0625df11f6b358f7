"""An echo: a page with a form, and a WebSocket that returns every message.

.. code-block:: sh

    flask --app examples.echo run
    gunicorn --config python:flask_echo.gunicorn_conf examples.echo:app
"""

from flask import Flask

from flask_echo.websocket import Connection, Sock

app = Flask(__name__)
sock = Sock(app)


@sock.route("/echo")
def echo(ws: Connection) -> None:
    """Return every message unchanged, until the client closes the connection."""
    while True:
        ws.send(ws.receive())


@app.get("/")
def page() -> str:
    """Show the form."""
    return PAGE


PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Echo</title>
<h1>Echo</h1>
<form><input aria-label="Message" autofocus> <button disabled>Send</button></form>
<pre role="log"></pre>
<script>
  const url = new URL("echo", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const ws = new WebSocket(url);
  const [form, log] = document.querySelectorAll("form, pre");
  const [input, button] = form.elements;

  function show(line) {
    log.append(line + "\\n");  // As text: a message may contain HTML.
  }

  ws.onopen = () => { button.disabled = false; };
  ws.onmessage = (event) => show("<<< " + event.data);
  ws.onclose = (event) => {
    button.disabled = true;
    show("closed with " + event.code);
  };
  form.onsubmit = (event) => {
    event.preventDefault();
    ws.send(input.value);
    show(">>> " + input.value);
    input.value = "";
  };
</script>
</html>
"""
