"""The mathematics of the gates: arrays in, numbers out; no framework, no file, no policy."""
