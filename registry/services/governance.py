"""Which policy governs a model in an environment now, and whether any governs there.

A request is decided under the policy that it pinned, and only while that one governs (R7).
"""

from datetime import datetime

from audit.errors import ConflictError
from registry.models import Policy, PromotionRequest, RegisteredModel
from registry.models.contents import governed_environments
from registry.models.policy import PolicyQuerySet
from registry.models.registered_model import RegisteredModelQuerySet


def governing_policy(
    model: RegisteredModel, environment: str, now: datetime
) -> Policy | None:
    """Return the newest policy in force: the model's own before that of its tier.

    None says that no version of the model may be promoted there in a governed
    environment, and that nothing is asked in one that is not governed.
    """
    return _newest_of(Policy.objects.in_force(now), model, environment)


def former_policy(
    policy: Policy, model: RegisteredModel, now: datetime
) -> Policy | None:
    """Return what would govern a model if a policy had not been published."""
    others = Policy.objects.in_force(now).exclude(pk=policy.pk)
    return _newest_of(others, model, policy.environment)


def _newest_of(
    policies: PolicyQuerySet, model: RegisteredModel, environment: str
) -> Policy | None:
    in_force = policies.filter(environment=environment).with_home()
    own = in_force.filter(registered_model=model).first()
    if own is not None or model.tier is None:
        return own
    of_tiers = in_force.filter(workspace=model.workspace_id)
    return next((found for found in of_tiers if model.tier in found.tiers), None)


def is_governed(model: RegisteredModel, environment: str) -> bool:
    """Say whether a policy was ever published for the environment in the workspace.

    From then on stages and aliases of that environment follow its slots, for models
    that no policy binds too: those are denied there.
    """
    return environment in governed_environments(model.workspace_id)


def pinned_policy(model: RegisteredModel, environment: str, now: datetime) -> Policy:
    """Return the governing policy, or refuse and say whom to ask."""
    policy = governing_policy(model, environment, now)
    if policy is None:
        raise ConflictError(
            "no_policy",
            f"No policy is published for {model} in {environment}. Have one drafted and "
            f"published before asking.",
        )
    return policy


def is_superseded(request: PromotionRequest, now: datetime) -> bool:
    """Say whether another policy governs by now than the one that a request pinned."""
    model = request.model_version.registered_model
    return governing_policy(model, request.environment, now) != request.policy


def refuse_superseded_policy(request: PromotionRequest, now: datetime) -> None:
    """Refuse to go on under a policy that others have followed.

    Publishing one ends the requests that it concerns; one that was opened at the same
    moment is stopped here.
    """
    if is_superseded(request, now):
        raise ConflictError(
            "policy_superseded",
            f"This request is held to {request.policy}, and another policy governs by "
            f"now: withdraw it, and ask anew under that one.",
        )


def bound_models(policy: Policy) -> RegisteredModelQuerySet:
    """Return the models that a policy may govern, as their tiers are now."""
    if policy.registered_model_id is not None:
        return RegisteredModel.objects.filter(pk=policy.registered_model_id)
    return RegisteredModel.objects.filter(
        workspace=policy.workspace_id, tier__in=policy.tiers
    )
