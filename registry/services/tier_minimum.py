"""What a tier asks for at the least is held against what a policy says, here."""

from audit.errors import ConflictError
from registry.models.tier import TierRules, rules_of
from registry.policy_document import GateClause, PolicyDocument


def refuse_weaker_than_tier(document: PolicyDocument, tier: int | None) -> None:
    """Refuse a policy that asks for less than its tier does; the first fault is named."""
    rules = rules_of(tier)
    _refuse_missing_signers(document, rules, tier)
    if document.approval_days > rules.approval_days:
        raise _weaker(
            tier,
            "approval_days",
            f"approvals live for {rules.approval_days} days at the most, not "
            f"{document.approval_days}",
        )
    for index, clause in enumerate(document.gates):
        _refuse_soft_clause(clause, f"gates[{index}]", rules, tier)


def _refuse_missing_signers(
    document: PolicyDocument, rules: TierRules, tier: int | None
) -> None:
    missing = [role for role in rules.signers if role not in document.sign_offs]
    if missing:
        raise _weaker(
            tier, "sign_offs", f"the {' and the '.join(missing)} must sign as well"
        )
    if rules.signers_by_default and not document.sign_offs:
        raise _weaker(tier, "sign_offs", "somebody must sign")


def _refuse_soft_clause(
    clause: GateClause, path: str, rules: TierRules, tier: int | None
) -> None:
    if clause.waivable and not rules.is_waivable(
        clause.slug, is_mandatory=clause.mandatory
    ):
        raise _weaker(
            tier, f"{path}.waivable", f"the gate {clause.slug} cannot be waived"
        )
    if clause.on_inconclusive == "warn" and not rules.may_pass_inconclusive:
        raise _weaker(
            tier, f"{path}.on_inconclusive", "a gate that cannot tell must block"
        )


def _weaker(tier: int | None, path: str, demand: str) -> ConflictError:
    known = f"of tier {tier}" if tier else "that nobody has classified"
    return ConflictError(
        "policy_weaker_than_tier",
        f"{path}: for models {known}, {demand}. Draft a policy that asks for no less.",
        path=path,
        tier=tier,
    )
