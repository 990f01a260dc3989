"""Schema of the tracking floor."""
