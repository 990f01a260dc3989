"""Commands of the tracking floor, one file each."""
