"""Policies are drafted by one person and published by another here."""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from audit.errors import ConflictError, NotFoundError, PermissionDeniedError
from audit.services import record, refusals_recorded
from audit.tlog.canonical import digest
from registry.events import RegistryEvent
from registry.models import Policy, PolicyPublication, RegisteredModel
from registry.permissions import may_draft_policy, may_publish_policy
from registry.policy_document import read_policy_document
from tracking.models import Workspace


def draft_policy(workspace: Workspace, *, document: str, actor: User) -> Policy:
    """Store a new version of a policy; it binds nobody until somebody publishes it."""
    if not may_draft_policy(actor, workspace):
        raise PermissionDeniedError(
            "may_not_draft_policy",
            f"You may not draft policies in {workspace}: ask for the policy author role.",
        )
    content = read_policy_document(document)
    model = (
        RegisteredModel.objects.visible_to(actor)
        .filter(workspace=workspace, name=content.registered_model)
        .first()
    )
    if model is None:
        raise NotFoundError(
            "model_unknown",
            f"The policy names the model {content.registered_model!r}, which is not in "
            f"{workspace}: register it first or correct the name.",
        )
    with transaction.atomic():
        RegisteredModel.objects.select_for_update().get(pk=model.pk)
        policy = Policy.objects.create(
            registered_model=model,
            environment=content.environment,
            name=content.name,
            version=model.policies.filter(name=content.name).count() + 1,
            document=document,
            digest=digest(content.as_json()),
            author=actor,
        )
        record(
            RegistryEvent.POLICY_DRAFTED,
            actor=actor,
            subject=policy.subject,
            payload={
                "model": model.subject,
                "environment": policy.environment,
                "digest": policy.digest,
            },
        )
    return policy


def publish_policy(policy: Policy, *, actor: User) -> PolicyPublication:
    """Put a policy into force; its author cannot do that (R3)."""
    workspace = policy.registered_model.workspace
    with (
        refusals_recorded(
            RegistryEvent.POLICY_REFUSED,
            actor=actor,
            subject=policy.subject,
            payload={"digest": policy.digest},
        ),
        transaction.atomic(),
    ):
        if not may_publish_policy(actor, workspace):
            raise PermissionDeniedError(
                "may_not_publish_policy",
                f"You may not publish policies in {workspace}: ask somebody with the "
                f"risk role.",
            )
        if policy.author_id == actor.pk:
            raise PermissionDeniedError(
                "author_does_not_publish",
                "You wrote this policy, so somebody else must publish it.",
            )
        RegisteredModel.objects.select_for_update().get(pk=policy.registered_model_id)
        if PolicyPublication.objects.filter(policy=policy).exists():
            raise ConflictError(
                "policy_published", f"{policy} is published already; it stays as it is."
            )
        publication = PolicyPublication.objects.create(
            policy=policy, published_by=actor, published_at=timezone.now()
        )
        record(
            RegistryEvent.POLICY_PUBLISHED,
            actor=actor,
            subject=policy.subject,
            payload={"digest": policy.digest, "environment": policy.environment},
        )
    return publication
