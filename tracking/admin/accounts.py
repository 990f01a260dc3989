"""Accounts in the Django admin; Django's own pages would change them without an entry.

Whoever administers accounts sees more of them, and acts on pages of their own.
"""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth import admin as _django_s  # noqa: F401 - registers what goes below
from django.contrib.auth.models import Group, User
from django.db.models import Count, Exists, OuterRef, Prefetch, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from audit.admin import NOTHING, Cell, moment
from tracking.admin.account_forms import (
    ChangeEmailForm,
    DeactivateForm,
    MakeAccountForm,
    ReactivateForm,
    RemoveSecondFactorForm,
)
from tracking.admin.row_acts import Act, MakingAdmin
from tracking.admin.rows import person_asking
from tracking.models import SecondFactor
from tracking.people import groups_seen_by, people_seen_by
from tracking.permissions import acts_as_installation, may_administer_accounts

admin.site.unregister(Group)
admin.site.unregister(User)

Cells = tuple[str | Cell, ...]
ANYBODY_SEES: Cells = ("username", "full_name", "roles", "is_active", "is_superuser")
LAST_LOG_IN = moment("last_login", "last log-in")


def _administers(actor: User) -> bool:
    """Ask once a request: the rows, the columns and the acts all want to know."""
    asked = vars(actor).setdefault("_administers_accounts", [])
    if not asked:
        asked.append(may_administer_accounts(actor))
    return bool(asked[0])


def _acts_on_others(actor: User, account: User) -> bool:
    is_other = account.pk != actor.pk and not acts_as_installation(account)
    return is_other and _administers(actor)


@admin.register(User)
class UserAdmin(MakingAdmin[User]):
    """Who has an account, in which roles, for those who share a workspace with them.

    Whoever administers accounts sees them all, with what they get in by.
    """

    subject_pattern = r"user/(?P<pk>\d+)"
    ordering = ("username",)
    search_fields = ("username", "first_name", "last_name")
    # Not the columns themselves, below which Django prints how to fill them in.
    page = (
        *("name", "full_name", "roles", "is_open", "has_all_rights"),
        moment("date_joined", "account created"),
    )
    making = MakeAccountForm
    acts: ClassVar[dict[str, Act]] = {
        "email": Act(
            ChangeEmailForm,
            lambda actor, account: _administers(actor) and account.is_staff,
        ),
        "remove-second-factor": Act(
            RemoveSecondFactorForm,
            lambda actor, account: (
                _acts_on_others(actor, account) and account.has_second_factor
            ),
        ),
        "deactivate": Act(
            DeactivateForm,
            lambda actor, account: (
                _acts_on_others(actor, account) and account.is_active
            ),
        ),
        "reactivate": Act(
            ReactivateForm,
            lambda actor, account: (
                _acts_on_others(actor, account) and not account.is_active
            ),
        ),
    }

    def may_make(self, actor: User) -> bool:
        return _administers(actor)

    def get_list_display(self, request: HttpRequest) -> Any:
        if not _administers(person_asking(request)):
            return ANYBODY_SEES
        return (*ANYBODY_SEES, "second_factor", "tokens", LAST_LOG_IN)

    def get_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        if not _administers(person_asking(request)):
            return self.page
        if obj is not None and hasattr(obj, "service_account"):
            return (*self.page, "purpose", "tokens")
        return (*self.page, "address", "second_factor", "tokens", LAST_LOG_IN)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        return self.get_fields(request, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        actor = person_asking(request)
        roles = Prefetch("groups", groups_seen_by(actor))
        people = people_seen_by(actor).prefetch_related(roles)
        if not _administers(actor):
            return people
        usable = Q(
            api_tokens__revoked_at=None, api_tokens__expires_at__gt=timezone.now()
        )
        factor = SecondFactor.objects.confirmed().filter(user=OuterRef("pk"))
        return people.select_related("service_account").annotate(
            usable_tokens=Count("api_tokens", usable), has_second_factor=Exists(factor)
        )

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

    @admin.display(description="username")
    def name(self, user: User) -> str:
        return user.username

    @admin.display(description="active", boolean=True)
    def is_open(self, user: User) -> bool:
        return user.is_active

    @admin.display(description="superuser", boolean=True)
    def has_all_rights(self, user: User) -> bool:
        return user.is_superuser

    @admin.display(description="second factor")
    def second_factor(self, user: Any) -> str:
        if not user.is_staff:
            return NOTHING
        return "yes" if user.has_second_factor else "none"

    @admin.display(description="usable tokens")
    def tokens(self, user: Any) -> int:
        return user.usable_tokens if user.is_active else 0

    @admin.display(description="e-mail address")
    def address(self, user: User) -> str:
        return user.email or NOTHING

    @admin.display(description="program for")
    def purpose(self, user: User) -> str:
        return user.service_account.purpose
