"""The mathematics of the log: canonical bytes and the Merkle tree; knows no framework."""
