"""A report order is the work, the report its result: a PDF and the data in it."""

from typing import Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models

from registry.models.leased_work import LeasedWork, LeasedWorkQuerySet
from registry.models.model_version import ModelVersion
from registry.models.registered_model import RegisteredModel
from tracking.models import Run


class ReportOrderQuerySet(LeasedWorkQuerySet):
    """Questions about many report orders."""

    def visible_to(self, user: User) -> Self:
        """Keep those whose model and source run one sees: a report tells of both."""
        return self.filter(
            model_version__registered_model__in=RegisteredModel.objects.visible_to(
                user
            ),
            model_version__source_run__in=Run.objects.visible_to(user),
        )


class ReportOrder(LeasedWork):
    """Somebody asked for the lineage report of a version."""

    model_version = models.ForeignKey(
        ModelVersion, models.PROTECT, related_name="report_orders"
    )
    ordered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+"
    )
    failure = models.TextField(blank=True)

    objects = ReportOrderQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"report of {self.model_version}"


class Report(models.Model):
    """The finished PDF by its SHA-256; append-only."""

    order = models.OneToOneField(ReportOrder, models.PROTECT, related_name="report")
    pdf_sha256 = models.CharField(max_length=64)
    size_bytes = models.PositiveBigIntegerField()
    data_sha256 = models.CharField(max_length=64)
    produced_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"sha256:{self.pdf_sha256}"
