"""Puts Attestry's admin site in the place of Django's."""

from django.contrib.admin.apps import AdminConfig


class AttestryAdminConfig(AdminConfig):
    default_site = "config.admin_site.AttestryAdminSite"
