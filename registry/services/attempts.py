"""How often a version may be tried: the luckiest of many attempts proves little."""

from django.db.models import Q

from audit.errors import ConflictError
from registry.models import ModelVersion, Verdict
from registry.policy_document import PolicyDocument
from registry.verdict import Outcome


def failed_attempts(
    version: ModelVersion, environment: str, policy: PolicyDocument
) -> int:
    """Count attempts that a mandatory gate has failed, over all requests of a version.

    A new request is no new beginning: it would otherwise be the way round the limit.
    """
    mandatory = [clause.slug for clause in policy.gates if clause.mandatory]
    failed = Q(outcome=Outcome.FAIL, gate_run__gate__in=mandatory)
    of_version = Q(
        gate_run__request__model_version=version,
        gate_run__request__environment=environment,
    )
    attempts = Verdict.objects.filter(failed & of_version)
    return attempts.values("gate_run__request", "gate_run__attempt").distinct().count()


def refuse_exhausted_attempts(
    version: ModelVersion, environment: str, policy: PolicyDocument
) -> None:
    """Refuse one attempt more than the policy allows after a FAIL."""
    at_most = policy.attempts_after_fail
    if at_most is None:
        return
    failed = failed_attempts(version, environment, policy)
    if failed > at_most:
        raise ConflictError(
            "attempts_exhausted",
            f"{version} has failed {failed} times in {environment}, and the policy "
            f"allows {at_most} attempts after a FAIL. Bring another version.",
            failed=failed,
        )
