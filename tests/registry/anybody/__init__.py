"""Anybody doing anything with one model, and a second opinion on what that may lead to."""
