"""Produces an ordered report: claim the order, read, render, store."""

import logging

from django.utils import timezone

from registry.models import ReportOrder
from registry.reports.pdf import render
from registry.reports.reading import read_lineage
from registry.reports.snapshot import one_snapshot
from registry.services.lease import lease, lease_kept
from registry.services.reports import fail_report, store_report

logger = logging.getLogger(__name__)


def produce_report(order_pk: int) -> None:
    """Fulfil an order, if nobody else does; safe to call any number of times."""
    claim = ReportOrder.objects.claim(order_pk, now=timezone.now(), lease=lease())
    if claim is None:
        return
    order = ReportOrder.objects.get(pk=order_pk)
    try:
        with lease_kept(ReportOrder.objects.all(), order_pk, claim=claim):
            with one_snapshot():
                report = read_lineage(order.model_version, reader=order.ordered_by)
            pdf = render(report)
    except Exception as error:  # the order must not be tried for ever
        logger.exception("Report order %s failed", order_pk)
        failure = f"{type(error).__name__}: {error}"
        fail_report(order, failure=failure, claim=claim)
        return
    store_report(order, pdf=pdf, data_sha256=report.json_sha256(), claim=claim)
