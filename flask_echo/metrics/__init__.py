"""Figures for Prometheus at ``/metrics``, summed over all workers of one master."""
