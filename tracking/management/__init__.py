"""Commands of the tracking floor."""
