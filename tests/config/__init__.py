"""Tests of the wiring: what spans all floors."""
