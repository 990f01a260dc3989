"""Risk tiers, and what each asks for at the least; a policy may ask for more."""

from dataclasses import dataclass, field
from types import MappingProxyType

from django.db import models


class Tier(models.IntegerChoices):
    """The risk tier, by exposure and purpose."""

    CRITICAL = 1
    HIGH = 2
    MODERATE = 3
    LOW = 4


@dataclass(frozen=True)
class TierRules:
    """The least that a tier asks for.

    `signers` sign whatever the policy says; where the policy names nobody and somebody
    must, `signers_by_default` do. `waivable` None says: every gate that is not hard.
    """

    signers: tuple[str, ...]
    approval_days: int
    waiver_days: int = 90
    waiver_approvers: int = 1
    signers_by_default: tuple[str, ...] = ()
    waivable: frozenset[str] | None = None
    hard: frozenset[str] = field(default_factory=frozenset)
    may_pass_inconclusive: bool = True

    def is_waivable(self, gate: str, *, is_mandatory: bool) -> bool:
        if gate in self.hard:
            return False
        return self.waivable is None or gate in self.waivable or not is_mandatory


# Whoever waives these waives what every other number rests on.
INTEGRITY = frozenset({"artifact_integrity", "artifact_safety", "integrity"})
LEAKAGE = frozenset({"leakage"})

TIER_RULES = MappingProxyType(
    {
        Tier.CRITICAL: TierRules(
            signers=("validator", "risk", "owner"),
            approval_days=14,
            waiver_days=30,
            waiver_approvers=2,
            waivable=frozenset({"latency"}),
            hard=INTEGRITY | LEAKAGE,
            may_pass_inconclusive=False,
        ),
        Tier.HIGH: TierRules(
            signers=("validator", "owner"),
            approval_days=30,
            hard=INTEGRITY | LEAKAGE,
            may_pass_inconclusive=False,
        ),
        Tier.MODERATE: TierRules(
            signers=(),
            signers_by_default=("validator",),
            approval_days=60,
            hard=INTEGRITY,
        ),
        Tier.LOW: TierRules(signers=(), approval_days=90, hard=INTEGRITY),
    }
)


def rules_of(tier: int | None) -> TierRules:
    """Return a tier's rules; a model that nobody has classified is judged as critical."""
    return TIER_RULES[Tier(tier) if tier else Tier.CRITICAL]
