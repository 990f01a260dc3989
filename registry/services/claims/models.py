"""What the log must tell of a model: its tier, findings, owner, and who signs for whom."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import replace

from audit.services import pseudonym
from registry.events import RegistryEvent
from registry.models import (
    Delegation,
    Finding,
    ModelCard,
    RegisteredModel,
    TierAssessment,
)
from registry.models.finding import UNRESOLVED, FindingState, Severity
from registry.models.sign_off import SignerRole
from registry.services.claims.versions import spelled
from registry.services.reconciliation import Claim

GRAVE = frozenset({Severity.CRITICAL, Severity.HIGH})


def claims_of_model(model: RegisteredModel) -> Iterator[Claim]:
    """Return its tier, what calls for a validation, and what became of its findings."""
    names = tuple(model.subjects)
    yield from claims_of_tier(model)
    yield Claim(
        f"calls for a validation of {model}",
        RegistryEvent.REVALIDATION_TRIGGERED,
        names,
        times=model.revalidation_triggers.count(),
    )
    yield from claims_of_findings(model, names)


def claims_of_findings(
    model: RegisteredModel, names: tuple[str, ...]
) -> Iterator[Claim]:
    """Return how each was opened, and of the grave ones how they came to block no more.

    How grave they are is what the log tells, whatever the row says by now; and none is
    missing. `names` are those that the model has or had in the log.
    """
    found = Finding.objects.with_subject().filter(registered_model=model).order_by("pk")
    yield Claim(
        f"findings of {model}", RegistryEvent.MODEL_FAULTED, names, times=len(found)
    )
    for finding in found:
        opened = claim_of_finding(finding, names)
        is_grave = finding.severity in GRAVE
        # The words of what never blocks cost a decision more than they say to it.
        yield opened if is_grave else replace(opened, written={})
        if is_grave and finding.state not in UNRESOLVED:
            yield from _of_settled(finding)


def _of_settled(finding: Finding) -> Iterator[Claim]:
    yield Claim(
        f"finding {finding.pk}",
        RegistryEvent.FINDING_MOVED,
        (finding.subject,),
        {
            "to": finding.state,
            "accepted_until": spelled(finding.accepted_until),
        },
        newest=True,
    )
    if finding.state == FindingState.RISK_ACCEPTED:
        yield from claims_of_acceptances(finding)


def claims_of_acceptances(finding: Finding) -> Iterator[Claim]:
    """Return who signed for its risk, at any time, and how many steps it was taken.

    Neither a signature nor the step that it follows is doubled or taken away.
    """
    yield Claim(
        f"steps of finding {finding.pk}",
        RegistryEvent.FINDING_MOVED,
        (finding.subject,),
        times=finding.moves.count(),
    )
    signed = finding.acceptances.select_related("signer", "delegation").order_by("pk")
    yield Claim(
        f"signatures for the risk of finding {finding.pk}",
        RegistryEvent.RISK_ACCEPTANCE_SIGNED,
        (finding.subject,),
        times=len(signed),
    )
    alike = Counter((one.signer_id, one.signed_at) for one in signed)
    for one in signed:
        yield Claim(
            f"signatures of {one.signer} for the risk of finding {finding.pk}",
            RegistryEvent.RISK_ACCEPTANCE_SIGNED,
            (finding.subject,),
            {
                "after": one.after_id,
                "until": one.until.isoformat(),
                "method": one.method,
                "delegation": one.delegation.subject if one.delegation else None,
                "signed_at": one.signed_at.isoformat(),
            },
            pseudonym(one.signer),
            times=alike[one.signer_id, one.signed_at],
            written={"reason": one.reason, "printed_name": one.printed_name},
        )


def claims_of_tier(model: RegisteredModel) -> Iterator[Claim]:
    """Return who signed the tier that it is of; nothing where nobody has."""
    newest = TierAssessment.objects.filter(registered_model=model).order_by("-pk")
    signed = newest.select_related("signer").first()
    if model.tier is not None:
        yield Claim(
            f"the tier of {model}",
            RegistryEvent.TIER_ASSESSED,
            tuple(model.subjects),
            {"tier": model.tier, "method": signed.method if signed else None},
            pseudonym(signed.signer) if signed else None,
            newest=True,
            written={
                "printed_name": signed.printed_name,
                "rationale": signed.rationale,
                "exposure": signed.exposure,
            }
            if signed
            else {},
        )


def claim_of_finding(finding: Finding, names: Collection[str]) -> Claim:
    """Return how it was opened: of what, how bad, due when and for whom to mend.

    `names` are those that its model has or had in the log.
    """
    version = finding.model_version
    return Claim(
        f"the opening of finding {finding.pk}",
        RegistryEvent.FINDING_OPENED,
        (finding.subject,),
        {
            "model": frozenset(names),
            "version": frozenset(version.subjects(names)) if version else None,
            "severity": finding.severity,
            "owner": pseudonym(finding.owner),
            "due_at": spelled(finding.due_at),
        },
        pseudonym(finding.opened_by),
        written={"title": finding.title, "description": finding.description},
    )


def claims_of_authority(
    role: SignerRole, model: RegisteredModel, delegation: Delegation | None
) -> Iterator[Claim]:
    """Return who owns a model, for whoever signs as that, and who delegated to them."""
    if role == SignerRole.OWNER:
        has_card = ModelCard.objects.filter(registered_model=model).exists()
        yield Claim(
            f"the owner of {model}",
            RegistryEvent.MODEL_CARD_WRITTEN
            if has_card
            else RegistryEvent.MODEL_REGISTERED,
            tuple(model.subjects),
            {"owner": pseudonym(model.owner) if model.owner else None},
            newest=True,
        )
    if delegation is not None:
        yield Claim(
            f"delegation {delegation.pk}",
            RegistryEvent.DELEGATION_GIVEN,
            (delegation.subject,),
            {
                "role": delegation.role,
                "delegate": pseudonym(delegation.delegate),
                "starts_at": delegation.starts_at.isoformat(),
                "ends_at": delegation.ends_at.isoformat(),
                "method": delegation.method,
            },
            pseudonym(delegation.delegator),
            written={"printed_name": delegation.printed_name},
        )
        yield Claim(
            f"withdrawals of delegation {delegation.pk}",
            RegistryEvent.DELEGATION_WITHDRAWN,
            (delegation.subject,),
            times=0,
        )
