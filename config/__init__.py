"""Wiring: settings, URLs, Celery and the table of error statuses; sees every app."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
