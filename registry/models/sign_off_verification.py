"""What verifications of all signatures against the log have found."""

from django.db import models


class SignOffVerification(models.Model):
    """One look at every request; append-only, and the newest counts.

    `altered` is how many requests have signatures that are not as the log tells.
    """

    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    requests = models.PositiveIntegerField()
    altered = models.PositiveIntegerField()
    faults = models.TextField(blank=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.altered} of {self.requests} requests altered"

    @property
    def subject(self) -> str:
        return f"sign-off-verification/{self.pk}"
