"""Traces: the server's end of the story of a WebSocket, for the client that asked for it."""
