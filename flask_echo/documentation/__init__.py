"""The documentation at /docs/: README.md and docs/ of the repository, rendered by `make docs`."""
