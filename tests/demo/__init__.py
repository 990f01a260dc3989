"""Tests of what the demo feeds to the server."""
