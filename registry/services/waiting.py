"""What waits for whom: which signatures a request lacks, and who can give them now."""

from dataclasses import dataclass
from itertools import islice

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone
from guardian.shortcuts import get_objects_for_user

from registry.models import (
    Delegation,
    PromotionRequest,
    RegisteredModel,
    RequestState,
)
from registry.models.sign_off import SignerRole
from registry.permissions import may_sign_as
from registry.services.quorum import (
    conflicts_of,
    given_for_now,
    lacking_roles,
    note_sensitive_data,
)

MOST_LISTED = 20


@dataclass(frozen=True)
class Waiting:
    """A request, and the roles that one person can sign it in; none: to be promoted."""

    request: PromotionRequest
    roles: tuple[SignerRole, ...]


def waiting_for(person: User, *, at_most: int = MOST_LISTED) -> list[Waiting]:
    """Return the oldest requests that this person can sign or promote now.

    Each is asked for by itself, because its lineage says whether they may sign.
    """
    found = (
        Waiting(request, roles)
        for request in _within_reach(person)
        if (roles := roles_open_to(person, request))
        or request.state == RequestState.APPROVED
    )
    return list(islice(found, at_most))


def roles_open_to(person: User, request: PromotionRequest) -> tuple[SignerRole, ...]:
    """Return the roles in which `sign_off` would take this person's signature."""
    now = timezone.now()
    if request.state != RequestState.IN_REVIEW or request.is_due(now):
        return ()
    if any(signed.signer_id == person.pk for signed in given_for_now(request)):
        return ()
    lacking = lacking_roles(request)
    model = request.model_version.registered_model
    roles = tuple(
        role
        for role in SignerRole
        if role in lacking and may_sign_as(person, role, model)
    )
    # Asked last, because it goes through all that the version came of.
    return () if roles and conflicts_of(person, request, now=now) else roles


def _within_reach(person: User) -> list[PromotionRequest]:
    """Narrow down in a few queries; the exact rules are asked of what is left."""
    to_sign = Q(pk=None)
    for role in SignerRole:
        to_sign |= _of_models(person, f"sign_as_{role}")
    to_sign |= _of_delegations(person)
    to_sign &= Q(state=RequestState.IN_REVIEW)
    to_promote = _of_models(person, "promote_version") & Q(
        state=RequestState.APPROVED, approval_expires_at__gt=timezone.now()
    )
    requests = list(
        PromotionRequest.objects.filter(to_sign | to_promote)
        .with_subject()
        .prefetch_related("sign_offs")
        .order_by("pk")
        .distinct()
    )
    note_sensitive_data(requests)
    return requests


def _of_delegations(person: User) -> Q:
    mine = Delegation.objects.in_force(timezone.now()).filter(delegate=person)
    model = "model_version__registered_model"
    return Q(**{f"{model}__delegations__in": mine}) | Q(
        **{f"{model}__workspace__delegations__in": mine.filter(registered_model=None)}
    )


def _of_models(person: User, permission: str) -> Q:
    models = get_objects_for_user(
        person,
        f"registry.{permission}",
        RegisteredModel,
        with_superuser=False,
        accept_global_perms=False,
    )
    return Q(model_version__registered_model__in=models.values("pk"))
