"""Signed messages to other people's servers: addresses, signatures, keys, one POST."""
