"""Commands of the registry floor, one file each."""
