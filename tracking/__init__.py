"""The middle floor: what was run, on which data, with which result."""
