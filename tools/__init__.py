"""Programs for development: the conformance run and the pictures of the README."""
