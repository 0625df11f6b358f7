// A sentence for each header. Names are in lower case; a name that ends with * is a prefix.
const MEANINGS = {
  // The upgrade (RFC 6455, section 4)
  connection:
    "Asks to switch this connection to another protocol. Applies to one hop only, so proxies must "
      + "forward it.",
  upgrade: "The protocol to switch to. Applies to one hop only, so proxies must forward it.",
  "sec-websocket-key":
    "16 random bytes in base64, new for each connection. The server computes "
      + "Sec-WebSocket-Accept from it to prove that it knows WebSockets.",
  "sec-websocket-version":
    "The version of the protocol: 13, from RFC 6455, is the only one in use.",
  "sec-websocket-extensions":
    "Extensions, such as compression (permessage-deflate): the client offers, the server accepts "
      + "or declines.",
  "sec-websocket-protocol": "Subprotocols: the client offers some, the server picks one.",
  "sec-websocket-accept":
    "SHA-1 of the key and a fixed text, in base64. The browser computes it too, and drops the "
      + "connection if they differ.",

  // Sent by browsers
  host: "The name and port that the client asked for. A proxy may replace it with the server’s.",
  origin:
    "The site whose page opens the WebSocket. Browsers always send it and scripts cannot change "
      + "it, so a server can use it to reject other sites.",
  "user-agent": "The browser and its version.",
  accept: "The content types that the client accepts. Not used for a WebSocket.",
  "accept-encoding":
    "The HTTP compressions that the client accepts. Not related to the compression of messages.",
  "accept-language": "The languages that the user prefers.",
  "cache-control": "Tells caches not to use or keep a response.",
  pragma: "The older form of Cache-Control: no-cache.",
  cookie: "The cookies of this site. They may sign in whoever has them, so the report masks them.",
  authorization: "A user name and password, or a token. The report masks it.",
  "proxy-authorization":
    "Credentials for a proxy, which should have removed them. The report masks them.",
  dnt: "The user asks not to be tracked.",
  "sec-gpc": "The user asks sites not to sell or share data.",
  "sec-fetch-*": "The purpose of the request, from the browser. Scripts cannot change it.",
  "sec-ch-*": "A hint about the browser or the device.",
  priority: "The urgency of the request compared with others.",

  // Added by proxies
  via: "The proxies that forwarded the request; each adds itself (RFC 9110, section 7.6.3).",
  forwarded: "The client address, scheme and host before a proxy (RFC 7239).",
  "x-forwarded-for":
    "The client address, then each proxy’s. Anyone can write it, so the server uses only as many "
      + "entries as FLASK_ECHO_TRUSTED_PROXIES allows.",
  "x-forwarded-proto":
    "The scheme that the client used before a proxy: https even if the last hop is http.",
  "x-forwarded-scheme": "The same as X-Forwarded-Proto, under another name.",
  "x-forwarded-ssl": "Whether the client used TLS before a proxy.",
  "x-forwarded-host": "The Host header before a proxy changed it.",
  "x-forwarded-port": "The port that the client connected to.",
  "x-forwarded-server": "The name of the proxy.",
  "x-forwarded-prefix": "The part of the path that a proxy removed.",
  "x-real-ip": "The client address as a proxy saw it; commonly set by nginx.",
  "x-client-ip": "The client address as a proxy saw it.",
  "x-proxyuser-ip": "The client address as a proxy saw it.",
  "true-client-ip": "The client address as a content delivery network saw it.",
  "x-request-id": "An ID for this request, to match the logs of several machines.",
  "x-correlation-id": "An ID for this request, to match the logs of several machines.",
  "x-request-start":
    "The time at which the first machine received the request, to measure queues; set by Heroku "
      + "and others.",
  traceparent: "The place of this request in a trace across machines (W3C Trace Context).",
  tracestate: "Vendor data for a trace (W3C Trace Context).",
  "x-b3-*": "The place of this request in a trace across machines (Zipkin).",
  "x-amzn-trace-id": "An ID for this request, from an AWS load balancer.",
  "x-amz-*": "Added by a service of AWS.",
  "x-cloud-trace-context": "An ID for this request, from a Google Cloud load balancer.",
  "x-arr-*": "Added by Azure or by IIS Application Request Routing.",
  "x-azure-*": "Added by Azure Front Door.",
  "x-envoy-*": "Added by Envoy, which is part of Istio and other service meshes.",
  "x-varnish": "Added by the cache Varnish.",
  "cdn-loop":
    "The content delivery networks that forwarded the request, to detect loops (RFC 8586).",
  "cf-*": "Added by Cloudflare.",
  "fly-*": "Added by Fly.io.",
  "keep-alive": "How long an idle HTTP connection may stay open. Not used for a WebSocket.",
  "transfer-encoding": "The encoding of the body. An upgrade request has no body.",
  "content-length": "The size of the body. An upgrade request has no body.",
  "content-type": "The type of the body. An upgrade request has no body.",

  // Added to the response
  date: "The time of the response, from the server’s clock.",
  server: "The software of the server.",
  "set-cookie": "Stores a cookie in the browser.",
  "content-security-policy": "Limits what a page may load. Not used for a WebSocket.",
  "referrer-policy": "Limits what other sites learn about a page. Not used for a WebSocket.",
  "x-content-type-options": "Stops the browser guessing content types. Not used for a WebSocket.",
};

const PREFIXES = Object.keys(MEANINGS).filter((name) => name.endsWith("*"));

/** @returns {string | null} a sentence about the header, or null for an unknown one */
export function headerMeaning(name) {
  const wanted = name.toLowerCase();
  const prefix = PREFIXES.find((text) => wanted.startsWith(text.slice(0, -1)));
  return MEANINGS[wanted] ?? MEANINGS[prefix] ?? null;
}
