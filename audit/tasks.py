"""Celery tasks of the log: a door, one line each."""

from celery import shared_task

from audit import sequencer, services

VERIFICATION_SECONDS = 6 * 3600


@shared_task(name="audit.sequence_pending")
def sequence_pending() -> None:
    """Integrate what a crash between commit and sequencing left pending."""
    sequencer.sequence_in_background()


# A large log takes longer than any other task may.
@shared_task(
    name="audit.verify_when_due",
    time_limit=VERIFICATION_SECONDS,
    soft_time_limit=VERIFICATION_SECONDS - 60,
)
def verify_when_due() -> None:
    """Verify as much of the log as is due by now."""
    services.verify_when_due()


@shared_task(name="audit.send_copies_when_due")
def send_copies_when_due() -> None:
    """Send the newest checkpoint to whoever keeps copies."""
    services.send_copies_when_due()
