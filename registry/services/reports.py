"""Reports are ordered here, and produced by a worker."""

from django.contrib.auth.models import User
from django.db import transaction

from audit.errors import PermissionDeniedError
from audit.services import record, refusals_recorded, system_account
from registry.events import RegistryEvent
from registry.jobs import produce_report_later
from registry.models import ModelVersion, Report, ReportOrder
from registry.permissions import may_order_report
from tracking import storage
from tracking.models import Run


def order_report(version: ModelVersion, *, actor: User) -> ReportOrder:
    """Ask for the lineage report of a version; a worker produces it."""
    with (
        refusals_recorded(
            RegistryEvent.REPORT_REFUSED,
            actor=actor,
            subject=version.subject,
            payload={},
        ),
        transaction.atomic(),
    ):
        _refuse_strangers(actor, version)
        order = ReportOrder.objects.create(model_version=version, ordered_by=actor)
        record(
            RegistryEvent.REPORT_ORDERED,
            actor=actor,
            subject=version.subject,
            payload={"order": order.pk},
        )
        produce_report_later(order.pk)
    return order


def _refuse_strangers(actor: User, version: ModelVersion) -> None:
    if not may_order_report(actor, version.registered_model):
        raise PermissionDeniedError(
            "may_not_order_report",
            f"You may not order reports on {version.registered_model}: ask for a role "
            f"that may, such as auditor.",
        )
    # A report tells where a version comes from; one that is not linked has nothing there.
    run, _ = version.linked_run, version.linked_sha256
    if not Run.objects.visible_to(actor).filter(pk=run.pk).exists():
        raise PermissionDeniedError(
            "report_tells_more",
            "A report tells of the source run, which you may not see: ask somebody who "
            "may, or for a role on its experiment.",
        )


def store_report(
    order: ReportOrder, *, pdf: bytes, data_sha256: str, claim: int
) -> None:
    """Keep a finished PDF by its digest; a worker that lost its claim keeps nothing."""
    stored = storage.store_bytes(pdf)
    with transaction.atomic():
        if not ReportOrder.objects.finish(order.pk, claim=claim):
            return
        Report.objects.create(
            order=order,
            pdf_sha256=stored.sha256,
            size_bytes=stored.size_bytes,
            data_sha256=data_sha256,
        )
        record(
            RegistryEvent.REPORT_PRODUCED,
            actor=system_account(),
            subject=order.model_version.subject,
            payload={
                "order": order.pk,
                "pdf_sha256": stored.sha256,
                "data_sha256": data_sha256,
            },
        )


def fail_report(order: ReportOrder, *, failure: str, claim: int) -> None:
    """Close an order that cannot be fulfilled, with the reason for whoever asked."""
    with transaction.atomic():
        if not ReportOrder.objects.finish(order.pk, claim=claim):
            return
        ReportOrder.objects.filter(pk=order.pk).update(failure=failure)
        record(
            RegistryEvent.REPORT_FAILED,
            actor=system_account(),
            subject=order.model_version.subject,
            payload={"order": order.pk},
            private={"failure": failure},
        )
