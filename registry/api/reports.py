"""Lineage reports: order one, look whether it is there, fetch the PDF."""

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from audit.errors import ConflictError, NotFoundError
from registry.api.inputs import OrderReportInput
from registry.api.outputs import ReportOrderOutput
from registry.api.registry_views import RegistryView
from registry.models import Report, ReportOrder
from registry.services.reports import order_report
from tracking import storage
from tracking.api.workspace_views import parsed


class ReportView(RegistryView):
    """Finds an order that the user may see."""

    def order(self, pk: int) -> ReportOrder:
        order = (
            ReportOrder.objects.visible_to(self.user)
            .filter(model_version__registered_model__workspace=self.workspace, pk=pk)
            .select_related("model_version__registered_model", "report")
            .first()
        )
        if not isinstance(order, ReportOrder):
            raise NotFoundError(
                "report_unknown",
                f"There is no report {pk} that you may see: check the id.",
            )
        return order


class Reports(ReportView):
    """Order the lineage report of a version."""

    @extend_schema(request=OrderReportInput, responses={202: ReportOrderOutput})
    def post(self, request: Request, **_path: str) -> Response:
        fields = parsed(OrderReportInput, request)
        order = order_report(
            self.version(fields["registered_model"], fields["version"]), actor=self.user
        )
        return Response(ReportOrderOutput(order).data, status=202)


class OneReport(ReportView):
    """Whether the report is there."""

    @extend_schema(responses=ReportOrderOutput)
    def get(self, request: Request, pk: int, **_path: str) -> Response:
        return Response(ReportOrderOutput(self.order(pk)).data)


class ReportDocument(ReportView):
    """The PDF."""

    @extend_schema(responses={(200, "application/pdf"): OpenApiTypes.BINARY})
    def get(self, request: Request, pk: int, **_path: str) -> FileResponse:
        report = _finished(self.order(pk))
        return FileResponse(
            storage.open_file(report.pdf_sha256),
            content_type="application/pdf",
            filename=f"lineage-report-{pk}.pdf",
        )


def _finished(order: ReportOrder) -> Report:
    report: Report | None = getattr(order, "report", None)
    if report is None:
        raise ConflictError(
            "report_not_there",
            f"The report could not be made: {order.failure}"
            if order.failure
            else "The report is not there yet: ask again in a few seconds.",
        )
    return report
