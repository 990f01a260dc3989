"""API tokens are made and recognised here; only their SHA-256 is stored.

A ticket stands for a token in one call, by its method and path: what a client is to send
to an address that it was given goes without the token itself.
"""

import base64
import hashlib
import secrets
from collections.abc import Collection
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.core import signing
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from audit.errors import InvalidError, PermissionDeniedError, UnauthenticatedError
from audit.services import record
from tracking.access import admission
from tracking.events import TrackingEvent
from tracking.models import ApiToken, Workspace
from tracking.models.access import Scope
from tracking.permissions import acts_as_installation, may_administer_accounts
from tracking.services.log_ins import record_failed_log_in

MARK = "atty_"
LAST_USED_AT_MOST_EVERY = timedelta(minutes=1)
TICKETS_LIVE = timedelta(days=1)


def create_token(
    user: User,
    *,
    name: str,
    actor: User,
    scopes: Collection[Scope] = (),
    lifetime: timedelta | None = None,
) -> tuple[ApiToken, str]:
    """Return a new token and its secret, which nobody can be shown again.

    People make their own; those of programs are made by administrators.
    """
    _refuse_unless_made_for(user, actor)
    longest = timedelta(days=settings.ATTESTRY_TOKEN_DAYS)
    lifetime = lifetime or longest
    if not timedelta(0) < lifetime <= longest:
        raise InvalidError(
            "token_lifetime_invalid",
            f"A token of this installation lives at most {longest.days} days: choose "
            f"fewer.",
        )
    secret = MARK + secrets.token_urlsafe(32)
    words = [scope.value for scope in Scope if scope in scopes]
    with transaction.atomic():
        token = ApiToken.objects.create(
            user=user,
            name=name,
            prefix=secret[:10],
            sha256=_sha256(secret),
            expires_at=timezone.now() + lifetime,
            scopes=" ".join(words),
        )
        record(
            TrackingEvent.TOKEN_CREATED,
            actor=actor,
            subject=token.subject,
            payload={
                "account": f"user/{user.pk}",
                "expires_at": token.expires_at.isoformat(),
                "scopes": words,
            },
        )
    return token, secret


def tokens_of(user: User) -> QuerySet[ApiToken]:
    """Return one's own tokens, and for administrators those of programs; newest first."""
    theirs = Q(user=user)
    if may_administer_accounts(user):
        theirs |= Q(user__service_account__isnull=False)
    return ApiToken.objects.filter(theirs).select_related("user").order_by("-pk")


def programs_served_by(user: User) -> QuerySet[User]:
    """Return the programs whose tokens somebody makes: for administrators all of them."""
    if not may_administer_accounts(user):
        return User.objects.none()
    programs = User.objects.filter(service_account__isnull=False, is_active=True)
    return programs.order_by("username")


def revoke_token(token: ApiToken, *, actor: User) -> None:
    """End a token now; revoking it again changes nothing."""
    _refuse_unless_theirs(token.user, actor)
    with transaction.atomic():
        usable = ApiToken.objects.filter(pk=token.pk, revoked_at=None)
        if usable.update(revoked_at=timezone.now()):
            record(
                TrackingEvent.TOKEN_REVOKED,
                actor=actor,
                subject=token.subject,
                payload={"account": f"user/{token.user_id}"},
            )


def user_of_token(secret: str, *, writes: frozenset[Scope] | None = None) -> User:
    """Return whose token this is; UnauthenticatedError for a wrong or expired one.

    `writes` are the scopes of which a call that changes something needs one; None: it
    only reads.
    """
    tokens = ApiToken.objects.select_related("user")
    return _admitted(tokens.filter(sha256=_sha256(secret)).first(), writes)


def user_and_workspace(
    secret: str, workspace: str, *, writes: frozenset[Scope] | None = None
) -> tuple[User, Workspace | None]:
    """Return whose token this is, and the workspace of this name if they may see it."""
    token, seen = admission(_sha256(secret), workspace=workspace)
    return _admitted(token, writes), seen


def ticket_for(secret: str, *, call: str) -> str:
    """Return what stands for a token in one call, for a day or as long as it is usable."""
    return signing.dumps(_sha256(secret), salt=_salt(call))


def user_and_workspace_of_ticket(
    ticket: str, workspace: str, *, call: str, writes: frozenset[Scope] | None = None
) -> tuple[User, Workspace | None]:
    """Do what `user_and_workspace` does, for the token that the ticket stands for."""
    try:
        sha256 = signing.loads(ticket, salt=_salt(call), max_age=TICKETS_LIVE)
    except signing.BadSignature:
        record_failed_log_in(None, door="ticket", code="ticket_invalid")
        raise UnauthenticatedError(
            "ticket_invalid",
            "This ticket is for another call, or older than a day. Ask for the address "
            "of the file or of its parts again.",
        ) from None
    token, seen = admission(sha256, workspace=workspace)
    return _admitted(token, writes), seen


def _salt(call: str) -> str:
    return f"tracking.ticket {call}"


def _admitted(token: ApiToken | None, writes: frozenset[Scope] | None) -> User:
    now = timezone.now()
    if token is None:
        record_failed_log_in(None, door="token", code="token_unknown")
        raise UnauthenticatedError(
            "token_unknown",
            "This token is not known here. Check that it was copied whole, or ask an "
            "administrator for a new one.",
        )
    if not token.is_usable(now):
        record_failed_log_in(token.user, door="token", code="token_expired")
        raise UnauthenticatedError(
            "token_expired",
            "This token has expired or was revoked. Ask an administrator for a new one.",
        )
    if not token.was_used_since(now - LAST_USED_AT_MOST_EVERY):
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    if writes is not None and not token.may_write_under(writes):
        raise _scope_missing(token, writes)
    return token.user


def _scope_missing(token: ApiToken, writes: frozenset[Scope]) -> PermissionDeniedError:
    wanted = " or ".join(sorted(writes))
    advice = f"with the scope {wanted}" if writes else "without scopes"
    return PermissionDeniedError(
        "token_scope_missing",
        f"This token is for {token.scopes} only: use one {advice}.",
        scopes=sorted(writes),
    )


def _refuse_unless_made_for(owner: User, actor: User) -> None:
    """Whoever holds a token of a person acts as that person."""
    is_own = owner.pk == actor.pk or acts_as_installation(actor)
    if not (is_own or programs_served_by(actor).filter(pk=owner.pk).exists()):
        raise PermissionDeniedError(
            "token_of_somebody_else",
            "People make their own tokens, and administrators make those of programs: "
            "ask one of them.",
        )


def _refuse_unless_theirs(owner: User, actor: User) -> None:
    if owner.pk == actor.pk or may_administer_accounts(actor):
        return
    raise PermissionDeniedError(
        "token_of_somebody_else",
        "Only its owner or an administrator deals with a token: ask one of them.",
    )


def secret_in(authorization: str) -> str | None:
    """Return the token of an `Authorization` header, None if it holds none.

    MLflow's client sends `Bearer <token>`, or `Basic` with the token as the password.
    """
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return None
    try:
        _, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except ValueError:  # neither base64 nor UTF-8
        return None
    return password


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
