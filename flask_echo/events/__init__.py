"""Polling against WebSocket: one stream of random events, and five ways to follow it."""
