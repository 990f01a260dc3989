"""Accounts in the Django admin; Django's own pages would change them without an entry."""

from django.contrib import admin
from django.contrib.auth import admin as _django_s  # noqa: F401 - registers what goes below
from django.contrib.auth.models import Group, User
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest

from audit.admin import NOTHING, moment
from tracking.admin.rows import VisibleRowsAdmin, person_asking
from tracking.people import groups_seen_by, people_seen_by

admin.site.unregister(Group)
admin.site.unregister(User)


@admin.register(User)
class UserAdmin(VisibleRowsAdmin[User]):
    """Who has an account, in which roles, for those who share a workspace with them."""

    subject_pattern = r"user/(?P<pk>\d+)"
    list_display = ("username", "full_name", "roles", "is_active", "is_superuser")
    ordering = ("username",)
    search_fields = ("username", "first_name", "last_name")
    page = (
        "username",
        "full_name",
        "roles",
        "is_active",
        "is_superuser",
        moment("date_joined", "account created"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        actor = person_asking(request)
        groups = groups_seen_by(actor)
        people = people_seen_by(actor, groups)
        return people.prefetch_related(Prefetch("groups", groups))

    def lookup_allowed(
        self, lookup: str, value: str, request: HttpRequest | None = None
    ) -> bool:
        """Refuse them all: a filter on `password` would tell the hash bit by bit."""
        return False

    def subject_of(self, row: User) -> str:
        return f"user/{row.pk}"

    @admin.display(description="full name", ordering="first_name")
    def full_name(self, user: User) -> str:
        return user.get_full_name() or NOTHING

    @admin.display(description="roles")
    def roles(self, user: User) -> str:
        return ", ".join(sorted(group.name for group in user.groups.all())) or "none"
