"""Benchmarks of the echo service beside its peers; ``python -m bench`` runs them."""
