"""One file a question; `make bench` and `make bench-tracking` compare each figure with a peer or a limit."""
