"""Which policy governs a model in an environment now, and whether any governs there."""

from datetime import datetime

from audit.errors import ConflictError
from registry.models import Policy, RegisteredModel
from registry.models.contents import governed_environments
from registry.models.policy import PolicyQuerySet


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
