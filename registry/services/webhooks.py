"""Webhooks are set, switched and given new keys here, by administrators."""

import secrets
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from audit.errors import ConflictError, InvalidError, PermissionDeniedError
from audit.services import record, refusals_recorded
from registry.events import RegistryEvent
from registry.models import Delivery, NotificationType, Webhook, WebhookKey
from registry.models.webhook import Scheme
from registry.permissions import may_connect_systems
from registry.webhooks.addresses import endpoint, refuse_unreachable
from registry.webhooks.sealing import NONCE_BYTES, make_key_if_absent, seal
from registry.webhooks.signatures import SECRET_BYTES, SigningKey
from tracking.models import Workspace

MOST_WEBHOOKS = 50
LONGEST_OVERLAP = timedelta(days=30)


def create_webhook(
    workspace: Workspace,
    *,
    url: str,
    event_types: Sequence[str],
    scheme: Scheme = Scheme.HMAC,
    actor: User,
) -> tuple[Webhook, str]:
    """Return a new webhook and what its receiver checks signatures with, shown once."""
    with _guarded("create", workspace.subject, actor), transaction.atomic():
        _refuse_unless_may_connect(actor, workspace)
        _refuse_odd_types(event_types)
        refuse_unreachable(endpoint(url))
        make_key_if_absent()
        Workspace.objects.select_for_update().get(pk=workspace.pk)
        if Webhook.objects.filter(workspace=workspace).count() >= MOST_WEBHOOKS:
            raise ConflictError(
                "too_many_webhooks",
                f"{workspace} has {MOST_WEBHOOKS} webhooks: enable one that is "
                f"disabled, or let one receiver pass messages on.",
            )
        webhook = Webhook.objects.create(
            workspace=workspace,
            url=url,
            event_types=sorted(event_types),
            created_by=actor,
        )
        shown = _new_key(webhook, scheme)
        record(
            RegistryEvent.WEBHOOK_CREATED,
            actor=actor,
            subject=webhook.subject,
            payload={
                "workspace": workspace.name,
                "event_types": webhook.event_types,
                "scheme": scheme,
            },
            # An address may hold a secret in its path.
            private={"url": url},
        )
    return webhook, shown


def disable_webhook(webhook: Webhook, *, actor: User) -> Webhook:
    """Send it nothing more; what waited for it is given up, and can be replayed."""
    with _guarded("disable", webhook.subject, actor), transaction.atomic():
        _refuse_unless_may_connect(actor, webhook.workspace)
        enabled = Webhook.objects.enabled().filter(pk=webhook.pk)
        if not enabled.update(disabled_at=timezone.now()):
            raise ConflictError("webhook_disabled", "This webhook is disabled already.")
        record(
            RegistryEvent.WEBHOOK_DISABLED,
            actor=actor,
            subject=webhook.subject,
            payload={"given_up": Delivery.objects.give_up_waiting_for(webhook)},
        )
    return Webhook.objects.get(pk=webhook.pk)


def enable_webhook(webhook: Webhook, *, actor: User) -> Webhook:
    """Send it what happens from now on."""
    with _guarded("enable", webhook.subject, actor), transaction.atomic():
        _refuse_unless_may_connect(actor, webhook.workspace)
        refuse_unreachable(endpoint(webhook.url))
        disabled = Webhook.objects.filter(pk=webhook.pk, disabled_at__isnull=False)
        if not disabled.update(disabled_at=None):
            raise ConflictError("webhook_enabled", "This webhook is enabled already.")
        record(
            RegistryEvent.WEBHOOK_ENABLED,
            actor=actor,
            subject=webhook.subject,
            payload={},
        )
    return Webhook.objects.get(pk=webhook.pk)


def rotate_key(
    webhook: Webhook, *, overlap: timedelta, scheme: Scheme | None = None, actor: User
) -> str:
    """Return what checks the new key's signatures; the old key signs beside it so long.

    No overlap is for a secret that leaked.
    """
    with _guarded("rotate key", webhook.subject, actor), transaction.atomic():
        _refuse_unless_may_connect(actor, webhook.workspace)
        _refuse_odd_overlap(overlap)
        make_key_if_absent()
        retires_at = timezone.now() + overlap
        webhook = Webhook.objects.select_for_update().get(pk=webhook.pk)
        old = webhook.keys.get(retires_at=None)
        _retire_all(webhook, retires_at)
        shown = _new_key(webhook, scheme or Scheme(old.scheme))
        record(
            RegistryEvent.WEBHOOK_KEY_ROTATED,
            actor=actor,
            subject=webhook.subject,
            payload={
                "scheme": scheme or old.scheme,
                "retires_at": retires_at.isoformat(),
            },
        )
    return shown


def _retire_all(webhook: Webhook, retires_at: datetime) -> None:
    """Let no older key sign longer than this, whatever an earlier rotation said."""
    webhook.keys.filter(retires_at=None).update(retires_at=retires_at)
    webhook.keys.filter(retires_at__gt=retires_at).update(retires_at=retires_at)


def _new_key(webhook: Webhook, scheme: Scheme) -> str:
    key = SigningKey(scheme, secrets.token_bytes(SECRET_BYTES))
    sealed = seal(
        key.secret, owner=webhook.subject, nonce=secrets.token_bytes(NONCE_BYTES)
    )
    WebhookKey.objects.create(webhook=webhook, scheme=scheme, sealed=sealed)
    return key.shown


def _guarded(act: str, subject: str, actor: User) -> AbstractContextManager[None]:
    return refusals_recorded(
        RegistryEvent.WEBHOOK_REFUSED,
        actor=actor,
        subject=subject,
        payload={"act": act},
    )


def _refuse_unless_may_connect(actor: User, workspace: Workspace) -> None:
    if not may_connect_systems(actor, workspace):
        raise PermissionDeniedError(
            "may_not_connect_systems",
            f"You may not connect webhooks in {workspace}: ask an administrator of it.",
        )


def _refuse_odd_overlap(overlap: timedelta) -> None:
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise InvalidError(
            "overlap_invalid", f"Two keys sign for 0 to {LONGEST_OVERLAP.days} days."
        )


def _refuse_odd_types(event_types: Sequence[str]) -> None:
    unknown = sorted(set(event_types) - set(NotificationType.values))
    if unknown or not event_types or len(set(event_types)) != len(event_types):
        raise InvalidError(
            "event_types_invalid",
            f"Name at least one of the known event types, each once"
            f"{f', not {unknown[0][:60]!r}' if unknown else ''}.",
        )
