"""Links to the pages that list what stands on data, code or a run.

Those pages are of the floor above, so they are known here by the names of their addresses.
"""

from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html

from audit.admin import Cell
from tracking.models import Workspace


def leads_to_dependants(of: str) -> Cell:
    """Return a row that leads to what stands on a `dataset` or a `run`."""

    @admin.display(description="versions and slots")
    def shown(row: Model) -> str:
        way = reverse(f"admin:registry_dependants_of_{of}", args=[row.pk])
        return format_html('<a href="{}">what stands on it</a>', way)

    return shown


def link_to_commit(commit: str, workspace: Workspace) -> str:
    """Print a commit as a link to what stands on it."""
    query = urlencode({"workspace": workspace.name, "commit": commit})
    way = reverse("admin:registry_dependants_of_commit")
    return format_html('<a href="{}?{}"><code>{}</code></a>', way, query, commit)
