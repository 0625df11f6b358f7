// What each header is for, in a sentence. Names in lower case; those that end in * are beginnings.

const HEADERS = {
  // The upgrade itself (RFC 6455, section 4)
  connection:
    "The request asks to use the connection for something else from here on, and the answer "
      + "agrees. It is meant for the next hop only, so a proxy must be told to pass it on.",
  upgrade: "Names what the connection shall become: a WebSocket. Also for the next hop only.",
  "sec-websocket-key":
    "16 random bytes in base64, new for each connection. The answer is computed from it, "
      + "which proves that the server knows the protocol.",
  "sec-websocket-version":
    "The version of the protocol. 13 is the one of RFC 6455; there is no other in use.",
  "sec-websocket-extensions":
    "Extensions, such as compression (permessage-deflate): the client offers, the server "
      + "takes or leaves.",
  "sec-websocket-protocol": "Subprotocols: the client lists those it speaks, the server picks one.",
  "sec-websocket-accept":
    "SHA-1 of the key and a fixed text, in base64. The browser computes it too, and gives up "
      + "if it differs.",

  // What a browser says of itself and of the page
  host: "The name and port that the client asked for. A proxy may replace it by the server’s own.",
  origin:
    "The page that opens the WebSocket. A browser always sends it, and scripts cannot change "
      + "it, so a server can refuse strangers by it.",
  "user-agent": "The browser, as it calls itself.",
  accept: "The kinds of content that the client takes. It means nothing for a WebSocket.",
  "accept-encoding":
    "The compressions of HTTP that the client takes. It has nothing to do with the "
      + "compression of messages.",
  "accept-language": "The languages that the reader prefers.",
  "cache-control": "Tells caches in between to keep out of this.",
  pragma: "The older form of Cache-Control: no-cache.",
  cookie: "The cookies of this site. Whoever has them is signed in, so the report masks them.",
  authorization: "A user name and password, or a token. The report masks it.",
  "proxy-authorization":
    "Credentials for a proxy; they should not have come this far. The report masks them.",
  dnt: "The reader asks not to be tracked.",
  "sec-gpc": "The reader asks that data not be sold or shared.",
  "sec-fetch-*": "What the request is for, as the browser sees it. Scripts cannot change it.",
  "sec-ch-*": "A hint about the browser or the device.",
  priority: "How urgent the request is among others.",

  // What is added in between
  via: "The proxies that the request came through, each added by itself (RFC 9110, section 7.6.3).",
  forwarded: "Who the client was before a proxy, its scheme and host (RFC 7239).",
  "x-forwarded-for":
    "The addresses that the request came from, first hop first. Anyone can write it, so it "
      + "counts only as far as FLASK_ECHO_TRUSTED_PROXIES says.",
  "x-forwarded-proto":
    "The scheme that the client used before a proxy took over: https even where the last hop "
      + "is http.",
  "x-forwarded-scheme": "The same as X-Forwarded-Proto, under another name.",
  "x-forwarded-ssl": "Whether the client came over TLS, as a proxy says.",
  "x-forwarded-host": "The host that the client asked for, before a proxy changed Host.",
  "x-forwarded-port": "The port that the client connected to.",
  "x-forwarded-server": "The name of the proxy.",
  "x-forwarded-prefix": "The part of the path that a proxy took off.",
  "x-real-ip": "The client’s address, as a proxy saw it; a habit of nginx.",
  "x-client-ip": "The client’s address, as a proxy saw it.",
  "true-client-ip": "The client’s address, as a content delivery network saw it.",
  "x-request-id": "A name for this request, so that the logs of several machines can be matched.",
  "x-request-start":
    "When the first machine took the request; Heroku and others measure queues by it.",
  "x-correlation-id":
    "A name for this request, so that the logs of several machines can be matched.",
  traceparent: "Where this request belongs in a trace across machines (W3C Trace Context).",
  tracestate: "More about the trace, for the tool that makes it (W3C Trace Context).",
  "x-b3-*": "Where this request belongs in a trace across machines (Zipkin).",
  "x-amzn-trace-id": "AWS: a name for this request, given by the load balancer.",
  "x-amz-*": "Added by a service of AWS.",
  "x-cloud-trace-context": "Google Cloud: a name for this request, given by the load balancer.",
  "x-arr-*": "Added by Azure or by IIS Application Request Routing.",
  "x-azure-*": "Added by Azure Front Door.",
  "x-envoy-*": "Added by Envoy, which also runs inside Istio and other meshes.",
  "x-varnish": "Added by the cache Varnish.",
  "cdn-loop":
    "A content delivery network marks what it has seen, so that requests do not go in circles "
      + "(RFC 8586).",
  "cf-*": "Added by Cloudflare.",
  "fly-*": "Added by Fly.io.",
  "x-proxyuser-ip": "The client’s address, as a proxy saw it.",
  "keep-alive":
    "How long an idle HTTP connection may stay; of the next hop, and without meaning here.",
  "transfer-encoding": "How a body is cut into pieces. An upgrade has no body.",
  "content-length": "The size of a body. An upgrade has none.",
  "content-type": "The kind of a body. An upgrade has none.",

  // What a server may add to its 101
  date: "When the server wrote the answer.",
  server: "The software that answered.",
  "set-cookie": "Gives the browser a cookie.",
  "content-security-policy":
    "Tells a browser what a page may load; it means nothing for a WebSocket.",
  "referrer-policy":
    "What a browser tells other sites of a page; it means nothing for a WebSocket.",
  "x-content-type-options":
    "Keeps a browser from guessing what a page is; it means nothing for a WebSocket.",
};

const BEGINNINGS = Object.keys(HEADERS).filter((name) => name.endsWith("*"));

/** @returns {string | null} a sentence on the header, or null for one that is not known here */
export function headerMeaning(name) {
  const wanted = name.toLowerCase();
  const beginning = BEGINNINGS.find((text) => wanted.startsWith(text.slice(0, -1)));
  return HEADERS[wanted] ?? HEADERS[beginning] ?? null;
}
