"""Who may read the log's content: auditors, or everybody where the log is public."""

from django.conf import settings
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView


class MayReadTheLog(BasePermission):
    """`audit.view_event`, by session or token; nobody is asked about a public log."""

    message = "Only auditors may read the log's content: ask for the role auditor."
    code = "log_not_public"

    def has_permission(self, request: Request, view: APIView) -> bool:
        if settings.ATTESTRY_LOG_PUBLIC:
            return True
        return request.user.has_perm("audit.view_event")
