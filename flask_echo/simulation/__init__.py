"""Fault simulation: the server misbehaves as the query of ``/echo`` asks."""
