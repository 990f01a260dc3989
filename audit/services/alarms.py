"""Tells people at once that the log needs them: a CRITICAL line, and a mail."""

import logging

from django.conf import settings
from django.core.mail import send_mail

logger = logging.getLogger(__name__)


def raise_alarm(subject: str, text: str) -> None:
    """Say it where operators look; a mail server that fails hides nothing."""
    logger.critical("%s %s", subject, text)
    if not settings.ATTESTRY_ALARM_EMAIL_TO:
        return
    try:
        send_mail(
            f"[Attestry] {subject}",
            text,
            settings.DEFAULT_FROM_EMAIL,
            settings.ATTESTRY_ALARM_EMAIL_TO,
        )
    except OSError:  # SMTPException is one
        logger.exception("The alarm could not be sent by e-mail.")
