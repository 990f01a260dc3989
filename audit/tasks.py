"""Celery tasks of the log: a door, one line each."""

from celery import shared_task

from audit import sequencer


@shared_task(name="audit.sequence_pending")
def sequence_pending() -> None:
    """Integrate what a crash between commit and sequencing left pending."""
    sequencer.sequence_in_background()
