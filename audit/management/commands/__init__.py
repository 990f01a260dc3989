"""Commands of the log: start it, verify it."""
