"""One file a question; `make bench` compares each figure with a peer or a limit."""
