"""What was done for a version is attested here, by people who sign and by systems."""

from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from audit.errors import ConflictError, InvalidError, PermissionDeniedError
from audit.services import record, refusals_recorded
from registry.duties import duties_of_signer
from registry.events import RegistryEvent
from registry.models import (
    Attestation,
    AttestationKind,
    AttestationSource,
    AttestationWithdrawal,
    Delegation,
    ModelVersion,
    PromotionRequest,
    RegisteredModel,
)
from registry.models.sign_off import SignerRole
from registry.permissions import (
    JUDGED_BY,
    delegation_to_sign,
    is_no_signer,
    may_attest,
    may_invalidate,
    may_sign_as,
    may_sign_in_own_right,
)
from registry.services.authority import (
    refuse_untold_permission,
    refuse_untold_permission_of_owner,
    refuse_untold_signer,
)
from registry.services.conclusions import reconsider
from registry.services.reauthentication import reauthenticate_for
from registry.services.sign_offs import refuse_deactivated, stated
from registry.signing import signed_name
from tracking.authority import refuse_untold_person
from tracking.models import Artifact, Run, ServiceAccount
from tracking.services.log_ins import tries_counted

TOKEN = "token of a service account"  # noqa: S105 - the name of a method


def attest(
    version: ModelVersion,
    *,
    environment: str,
    kind: AttestationKind,
    source: AttestationSource,
    statement: str,
    days: int,
    link: str = "",
    evidence_sha256: str = "",
    password: str = "",
    is_interactive: bool = False,
    actor: User,
    code: str = "",
) -> Attestation:
    """State that something was done for a version; it holds for some days.

    A person signs with the password entered again. A system speaks with its own token,
    and by telemetry only about a file of the model's workspace, which it names by its
    digest and has uploaded to another run than the version's; it judges nothing.
    """
    statement = stated(statement)
    _refuse_nothing_measured(source, evidence_sha256)
    with _refusals(version, actor, kind), tries_counted(actor), transaction.atomic():
        refuse_deactivated(actor)
        model = RegisteredModel.objects.select_for_update().get(
            pk=version.registered_model_id
        )
        if not may_attest(actor, model):
            raise PermissionDeniedError(
                "may_not_attest",
                f"You may not attest anything of {model}: ask for a role that may, such "
                f"as owner.",
            )
        refuse_untold_permission(actor, "attest", model)
        now = timezone.now()
        _refuse_wrong_speaker(kind, source, actor)
        if source == AttestationSource.TELEMETRY:
            _refuse_file_of_others(evidence_sha256, version, actor)
        method, delegation = TOKEN, None
        if kind in JUDGED_BY:
            delegation = _authority_to_judge(kind, version, actor)
        if source == AttestationSource.HUMAN:
            proof = reauthenticate_for(
                model,
                actor,
                password=password,
                code=code,
                is_interactive=is_interactive,
                now=now,
            )
            method = proof.method
        attested = Attestation.objects.create(
            model_version=version,
            environment=environment,
            kind=kind,
            source=source,
            statement=statement,
            link=link,
            evidence_sha256=evidence_sha256,
            attested_by=actor,
            delegation=delegation,
            printed_name=signed_name(actor, delegation),
            method=method,
            attested_at=now,
            expires_at=now + timedelta(days=days),
        )
        record(
            RegistryEvent.ATTESTATION_GIVEN,
            actor=actor,
            subject=version.subject,
            payload={
                "attestation": attested.pk,
                "environment": environment,
                "kind": kind,
                "source": source,
                "method": method,
                "delegation": delegation.subject if delegation else None,
                "evidence_sha256": evidence_sha256,
                "expires_at": attested.expires_at.isoformat(),
            },
            private={
                "printed_name": attested.printed_name,
                "statement": statement,
                "link": link,
            },
        )
        _reconsider_requests(attested, actor=actor, now=now)
    return attested


def withdraw_attestation(
    attested: Attestation, *, reason: str, actor: User
) -> AttestationWithdrawal:
    """Take back what does not hold, as who attested it or may revoke evidence."""
    reason = stated(reason)
    version = attested.model_version
    with _refusals(version, actor, attested.kind), transaction.atomic():
        refuse_deactivated(actor)
        model = RegisteredModel.objects.select_for_update().get(
            pk=version.registered_model_id
        )
        if attested.attested_by_id != actor.pk:
            _refuse_unless_may_invalidate(actor, model)
        if AttestationWithdrawal.objects.filter(attestation=attested).exists():
            raise ConflictError("attestation_withdrawn", "It was withdrawn already.")
        now = timezone.now()
        withdrawal = AttestationWithdrawal.objects.create(
            attestation=attested, withdrawn_by=actor, reason=reason, withdrawn_at=now
        )
        record(
            RegistryEvent.ATTESTATION_WITHDRAWN,
            actor=actor,
            subject=version.subject,
            payload={"attestation": attested.pk, "kind": attested.kind},
            private={"reason": reason},
        )
        _reconsider_requests(attested, actor=actor, now=now)
    return withdrawal


def _refuse_unless_may_invalidate(actor: User, model: RegisteredModel) -> None:
    if not may_invalidate(actor, model):
        raise PermissionDeniedError(
            "may_not_withdraw_attestation",
            f"You may not withdraw this attestation: who gave it may, the owner of "
            f"{model}, and whoever reviews it.",
        )
    refuse_untold_person(actor)
    refuse_untold_permission_of_owner(actor, "reject_request", model)


def _refusals(
    version: ModelVersion, actor: User, kind: str
) -> AbstractContextManager[None]:
    return refusals_recorded(
        RegistryEvent.ATTESTATION_REFUSED,
        actor=actor,
        subject=version.subject,
        payload={"kind": kind},
    )


def _refuse_wrong_speaker(
    kind: AttestationKind, source: AttestationSource, actor: User
) -> None:
    """Refuse a program that would sign or judge, and a person who speaks as a system."""
    if source == AttestationSource.HUMAN and is_no_signer(actor):
        raise PermissionDeniedError(
            "may_not_attest_as_person",
            "Programs and superusers sign nothing: a person who holds a role must.",
        )
    if source == AttestationSource.HUMAN:
        refuse_untold_person(actor)
    is_program = ServiceAccount.objects.filter(user=actor).exists()
    if source != AttestationSource.HUMAN and not is_program:
        raise PermissionDeniedError(
            "may_not_attest_as_system",
            f"Only a service account attests by {source}: attest as human, and sign.",
        )
    if source != AttestationSource.HUMAN and kind in JUDGED_BY:
        raise PermissionDeniedError(
            "judgement_is_of_people",
            f"A program does not judge: somebody with the role of "
            f"{' or '.join(JUDGED_BY[kind])} must attest {kind} as human, and sign.",
        )


def _authority_to_judge(
    kind: AttestationKind, version: ModelVersion, actor: User
) -> Delegation | None:
    """Return the delegation that a judgement stands on, None if in the actor's own right.

    Or refuse who has no role for it, and who is, or for whom they judge, too close.
    """
    role = _role_to_judge(kind, version.registered_model, actor)
    refuse_untold_signer(actor, role, version.registered_model)
    duties = duties_of_signer(actor, role, version) if version.source_run else []
    if duties:
        raise PermissionDeniedError(
            "segregation_of_duties",
            f"You may not judge this version, because you, or for whom you sign, "
            f"{' and '.join(duties)}. Somebody else must.",
            conflicts=duties,
        )
    return delegation_to_sign(actor, role, version.registered_model)


def _role_to_judge(
    kind: AttestationKind, model: RegisteredModel, actor: User
) -> SignerRole:
    """Return the role in which somebody judges: first one of their own, then a lent one."""
    roles = [role for role in JUDGED_BY[kind] if may_sign_as(actor, role, model)]
    if not roles:
        raise PermissionDeniedError(
            "may_not_attest_kind",
            f"You may not attest {kind} of {model}: the role of "
            f"{' or '.join(JUDGED_BY[kind])} must.",
        )
    own = (role for role in roles if may_sign_in_own_right(actor, role, model))
    return next(own, roles[0])


def _refuse_nothing_measured(source: AttestationSource, evidence_sha256: str) -> None:
    if source == AttestationSource.TELEMETRY and not evidence_sha256:
        raise InvalidError(
            "evidence_missing",
            "Telemetry must say what it was computed from: send the evidence_sha256.",
        )


def _refuse_file_of_others(sha256: str, version: ModelVersion, actor: User) -> None:
    """Refuse what nobody measured who speaks, or could look into.

    What the version's own run holds was there before anything was measured of it.
    """
    workspace = version.registered_model.workspace
    runs = Run.objects.visible_to(actor).filter(experiment__workspace=workspace)
    held = Artifact.objects.current().filter(
        sha256=sha256, run__in=runs, uploaded_by=actor
    )
    own = Artifact.objects.filter(run=version.source_run_id, sha256=sha256)
    if own.exists() or not held.exists():
        raise InvalidError(
            "evidence_not_held",
            f"No run of {workspace} that you may see holds a file of this SHA-256 that "
            f"you have uploaded, beside the version's own run: upload what was measured "
            f"to another run, and name the digest of that file.",
        )


def _reconsider_requests(attested: Attestation, *, actor: User, now: datetime) -> None:
    concerned = PromotionRequest.objects.open().filter(
        model_version=attested.model_version_id, environment=attested.environment
    )
    for pk in concerned.order_by("pk").values_list("pk", flat=True):
        cause = f"attestation {attested.pk}"
        reconsider(pk, cause=cause, actor=actor, now=now)
