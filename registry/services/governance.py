"""Which policy governs a model in an environment now."""

from datetime import datetime

from registry.models import Policy, RegisteredModel


def governing_policy(
    model: RegisteredModel, environment: str, now: datetime
) -> Policy | None:
    """Return the newest policy in force; None says that nothing may be promoted there."""
    in_force = model.policies.in_force(now).filter(environment=environment)
    return in_force.first()
