"""Coverage-guided fuzzing of the code that reads a stranger's bytes."""
