// A valid key has 16 bytes (RFC 6455, section 4.1). This is the one of section 1.3.
const KEY = "dGhlIHNhbXBsZSBub25jZQ==";

/**
 * Write a short client in each language.
 *
 * @param {object} target
 * @param {string} target.address with `ws:` or `wss:`
 * @param {string[]} target.protocols offered subprotocols
 * @returns {Object<string, string>} lines to paste, by the name of the client
 */
export function snippets(target) {
  return { Browser: browser(target), Python: python(target), curl: curl(target) };
}

function browser({ address, protocols }) {
  const options = [quoted(address), ...(protocols.length ? [list(protocols)] : [])];
  return [
    "// Paste this into the console of this page (key F12).",
    `const socket = new WebSocket(${options.join(", ")});`,
    'socket.onopen = () => socket.send("Hello");',
    'socket.onmessage = ({ data }) => console.log("received:", data);',
    'socket.onclose = ({ code, reason }) => console.log("closed:", code, reason);',
    "",
  ].join("\n");
}

function python({ address, protocols }) {
  const options = [quoted(address)];
  if (protocols.length) options.push(`subprotocols=${list(protocols)}`);
  return [
    "# pip install simple-websocket",
    "from simple_websocket import Client, ConnectionClosed",
    "",
    `ws = Client(${options.join(", ")})`,
    'ws.send("Hello")',
    "try:",
    "    # Three seconds without a message end the loop.",
    "    while (message := ws.receive(timeout=3)) is not None:",
    '        print("received:", message)',
    "    ws.close()",
    "except ConnectionClosed as end:",
    '    print("closed:", end.reason, end.message)',
    "",
  ].join("\n");
}

// curl cannot speak in frames, so its time limit ends it.
function curl({ address, protocols }) {
  const headers = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${KEY}`,
    ...(protocols.length ? [`Sec-WebSocket-Protocol: ${protocols.join(", ")}`] : []),
  ];
  return [
    "# This shows only the handshake: the request (>), then the response (<).",
    "curl --http1.1 --verbose --no-progress-meter --max-time 3 --output /dev/null \\",
    ...headers.map((header) => `  --header ${shellQuoted(header)} \\`),
    // Without --globoff, curl gives brackets and braces a meaning.
    `  --globoff ${shellQuoted(address.replace(/^ws/, "http"))}`,
    "",
  ].join("\n");
}

function list(names) {
  return `[${names.map((name) => quoted(name)).join(", ")}]`;
}

// Addresses and subprotocols are ASCII, and so a JSON string is one of JavaScript and of Python.
function quoted(text) {
  return JSON.stringify(text);
}

// Between single quotes a shell takes all characters as they are.
function shellQuoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
