"""Puts Attestry's admin site in the place of Django's, and its checks beside them."""

from django.contrib.admin.apps import AdminConfig


class AttestryAdminConfig(AdminConfig):
    default_site = "config.admin_site.AttestryAdminSite"

    def ready(self) -> None:
        super().ready()
        from config import checks  # noqa: F401, PLC0415 - registers them
