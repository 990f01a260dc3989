"""The native API of the tracking floor, and the authentication that all of it uses."""
