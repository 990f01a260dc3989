"""Commands of the registry floor."""
