"""Policies are drafted by one person and published by another here."""

import re

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from audit.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    PermissionDeniedError,
)
from audit.services import record, refusals_recorded
from audit.tlog.canonical import digest
from registry.events import RegistryEvent
from registry.models import Policy, PolicyPublication, RegisteredModel
from registry.permissions import may_draft_policy, may_publish_policy
from registry.policy_document import (
    PolicyDocument,
    read_policy_document,
    refuse_judging_programs,
)
from registry.services.closings import end_requests_of_former_policy
from registry.services.governance import bound_models
from registry.services.revalidation_triggers import call_by_policy
from registry.services.tier_minimum import refuse_weaker_than_tier
from tracking.authority import refuse_untold_role
from tracking.models import Workspace
from tracking.permissions import WORKSPACE_GRANTS

ENVIRONMENT = re.compile(r"[a-z0-9][a-z0-9_-]{0,49}")
TAKEN = re.compile(r"champion|latest|v\d+")


def draft_policy(workspace: Workspace, *, document: str, actor: User) -> Policy:
    """Store a new version of a policy; it binds nobody until somebody publishes it."""
    with (
        refusals_recorded(
            RegistryEvent.POLICY_REFUSED,
            actor=actor,
            subject=workspace.subject,
            payload={"digest": None},
        ),
        transaction.atomic(),
    ):
        _refuse_no_author(actor, workspace)
        content = read_policy_document(document)
        refuse_judging_programs(content)
        _refuse_odd_environment(content.environment)
        model = _model_of(content, workspace, actor)
        _lock(model or workspace)
        bound = {"registered_model": model} if model else {"workspace": workspace}
        policy = Policy.objects.create(
            **bound,
            tiers=list(content.tiers),
            environment=content.environment,
            name=content.name,
            version=Policy.objects.filter(**bound, name=content.name).count() + 1,
            document=document,
            digest=digest(content.as_json()),
            author=actor,
        )
        record(
            RegistryEvent.POLICY_DRAFTED,
            actor=actor,
            subject=policy.subject,
            payload={
                "model": model.subject if model else None,
                "tiers": policy.tiers,
                "environment": policy.environment,
                "digest": policy.digest,
            },
        )
    return policy


def _refuse_odd_environment(name: str) -> None:
    """Refuse what could not be asked for, and what MLflow means something else by."""
    if not ENVIRONMENT.fullmatch(name) or TAKEN.fullmatch(name):
        raise InvalidError(
            "environment_invalid",
            f"{name!r} cannot be an environment: write at most 50 of a to z, 0 to 9, '-' "
            f"and '_', and neither 'champion', 'latest' nor a version such as 'v1', "
            f"which are aliases.",
        )


def publish_policy(policy: Policy, *, actor: User) -> PolicyPublication:
    """Put a policy into force; its author cannot do that (R3).

    Open requests that it governs from now on end: they were held to another one (R7).
    """
    workspace = policy.home
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
        refuse_untold_role(actor, WORKSPACE_GRANTS["publish_policy"], workspace)
        if policy.author_id == actor.pk:
            raise PermissionDeniedError(
                "author_does_not_publish",
                "You wrote this policy, so somebody else must publish it.",
            )
        _lock(policy.registered_model or workspace)
        _lock_bound(policy)
        if PolicyPublication.objects.filter(policy=policy).exists():
            raise ConflictError(
                "policy_published", f"{policy} is published already; it stays as it is."
            )
        refuse_weaker_than_tier(
            read_policy_document(policy.document), _strictest_tier(policy)
        )
        now = timezone.now()
        publication = PolicyPublication.objects.create(
            policy=policy, published_by=actor, published_at=now
        )
        record(
            RegistryEvent.POLICY_PUBLISHED,
            actor=actor,
            subject=policy.subject,
            payload={
                "digest": policy.digest,
                "environment": policy.environment,
                "published_at": now.isoformat(),
            },
        )
        end_requests_of_former_policy(policy, actor=actor, now=now)
        call_by_policy(policy, actor=actor, now=now)
    return publication


def _refuse_no_author(actor: User, workspace: Workspace) -> None:
    if not may_draft_policy(actor, workspace):
        raise PermissionDeniedError(
            "may_not_draft_policy",
            f"You may not draft policies in {workspace}: ask for the policy author role.",
        )


def _model_of(
    content: PolicyDocument, workspace: Workspace, actor: User
) -> RegisteredModel | None:
    """Return the model that a policy names; None if it binds tiers."""
    if content.registered_model is None:
        return None
    models = RegisteredModel.objects.visible_to(actor).filter(workspace=workspace)
    model = models.filter(name=content.registered_model).first()
    if model is None:
        raise NotFoundError(
            "model_unknown",
            f"The policy names the model {content.registered_model!r}, which is not in "
            f"{workspace}: register it first or correct the name.",
        )
    return model


def _lock(bound: RegisteredModel | Workspace) -> None:
    """Let one policy at a time be numbered or published."""
    # Other rows may go on pointing to it: a notification does, of who holds a request.
    type(bound).objects.select_for_update(no_key=True).get(pk=bound.pk)


def _lock_bound(policy: Policy) -> None:
    """Wait for whoever opens or redeems a request of a model that may be governed."""
    models = bound_models(policy).select_for_update(no_key=True)
    list(models.order_by("pk").values_list("pk", flat=True))


def _strictest_tier(policy: Policy) -> int | None:
    model = policy.registered_model
    return model.tier if model else min(policy.tiers)
