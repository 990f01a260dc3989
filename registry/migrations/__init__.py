"""Schema of the registry floor."""
