"""Reads what the registry knows into frozen reports and prints them."""
