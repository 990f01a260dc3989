"""Whatever is signed takes a second factor for the upper tiers, and counts wrong tries."""

import inspect
import json
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import Model
from django.utils import timezone

from audit.errors import PermissionDeniedError
from audit.models import Event
from audit.services import record
from registry import services, signing
from registry.events import RegistryEvent
from registry.models import (
    AttestationKind,
    ModelVersion,
    PromotionRequest,
    RegisteredModel,
    Slot,
    TierAssessment,
)
from registry.models.finding import Severity
from registry.models.sign_off import SignerRole
from registry.models.tier import Tier
from registry.services import reauthentication
from registry.services.attestations import attest
from registry.services.break_glass import ask_to_break_glass, confirm_break_glass
from registry.services.closings import invalidate_request, reject_request
from registry.services.delegations import delegate_signing
from registry.services.evidence_views import open_evidence
from registry.services.findings import accept_risk
from registry.services.retirements import retire
from registry.services.revalidations import revalidate
from registry.services.rollbacks import lift_freeze
from registry.services.sign_offs import sign_off
from registry.services.tiers import assess_tier
from registry.services.waivers import approve_waiver
from tests import factories
from tests.audit.happenings import triggers_switched_off
from tests.factories import Cast
from tracking.models import FailedTries, Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


@dataclass(frozen=True)
class Act:
    """Who signs what, and with which fields besides the proof of who they are."""

    actor: User
    subject: Any
    fields: dict[str, Any]


def in_review(workspace: Workspace, cast: Cast, reader: User) -> PromotionRequest:
    factories.policy(workspace, cast)
    request = factories.evaluated(factories.version(workspace, cast), cast)
    open_evidence(request, actor=reader)
    return request


def signature(workspace: Workspace, cast: Cast) -> Act:
    request = in_review(workspace, cast, cast.bob)
    fields = {
        "role": SignerRole.VALIDATOR,
        "meaning": "I reviewed it.",
        "reason": "R",
        "seen_digest": request.subject_digest,
    }
    return Act(cast.bob, request, fields)


def signature_at_an_upper_tier(workspace: Workspace, cast: Cast) -> Act:
    factories.tier(factories.model(workspace, cast), cast, Tier.HIGH)
    return signature(workspace, cast)


def hold_to_two_factors(model: RegisteredModel, cast: Cast) -> None:
    """Sign another tier, without ending the requests that the acts are about."""
    signed = TierAssessment.objects.create(
        registered_model=model,
        tier=Tier.HIGH,
        former_tier=model.tier,
        rationale="R",
        exposure="E",
        signer=cast.rita,
        printed_name="Rita Example",
        method="password re-entered",
        signed_at=timezone.now(),
    )
    with triggers_switched_off("registry_registeredmodel"):
        RegisteredModel.objects.filter(pk=model.pk).update(tier=signed.tier)
    record(
        RegistryEvent.TIER_ASSESSED,
        actor=cast.rita,
        subject=model.subject,
        payload={"tier": signed.tier, "method": signed.method},
        private={
            "rationale": signed.rationale,
            "exposure": signed.exposure,
            "printed_name": signed.printed_name,
        },
    )


def rejection(workspace: Workspace, cast: Cast) -> Act:
    request = in_review(workspace, cast, cast.bob)
    fields = {
        "role": SignerRole.VALIDATOR,
        "reason": "R",
        "seen_digest": request.subject_digest,
    }
    return Act(cast.bob, request, fields)


def invalidation(workspace: Workspace, cast: Cast) -> Act:
    request = in_review(workspace, cast, cast.bob)
    return Act(cast.bob, request, {"reason": "R"})


def delegation(workspace: Workspace, cast: Cast) -> Act:
    factories.model(workspace, cast)
    now = timezone.now()
    fields = {
        "role": SignerRole.VALIDATOR,
        "delegate": cast.carol,
        "starts_at": now,
        "ends_at": now + timedelta(days=1),
        "reason": "R",
    }
    return Act(cast.bob, workspace, fields)


def waiver(workspace: Workspace, cast: Cast) -> Act:
    asked = factories.waiver(factories.blocked(workspace, cast), cast)
    return Act(cast.rita, asked, {"reason": "R"})


def attestation(workspace: Workspace, cast: Cast) -> Act:
    fields = {
        "environment": "production",
        "kind": AttestationKind.CANARY,
        "source": "human",
        "statement": "Done.",
        "days": 60,
    }
    return Act(cast.olivia, factories.version(workspace, cast), fields)


def acceptance(workspace: Workspace, cast: Cast) -> Act:
    model = factories.model(workspace, cast)
    finding = factories.finding(model, cast, Severity.HIGH)
    until = timezone.now() + timedelta(days=10)
    return Act(cast.rita, finding, {"until": until, "reason": "R"})


def lifting(workspace: Workspace, cast: Cast) -> Act:
    factories.policy(workspace, cast)
    first = factories.champion(workspace, cast)
    better = factories.predictions(strength=2.5)
    factories.champion(workspace, cast, content=b"2", scores=better)
    rollback = factories.rollback(Slot.objects.get(), first, cast)
    return Act(cast.bob, rollback.freeze, {"conclusion": "C"})


def emergency(workspace: Workspace, cast: Cast) -> Act:
    fields = {
        "environment": "production",
        "hours": 1,
        "reason": "R",
        "role": SignerRole.OWNER,
    }
    factories.policy(workspace, cast)
    version = factories.version(workspace, cast)
    return Act(cast.olivia, version, fields)


def confirmation(workspace: Workspace, cast: Cast) -> Act:
    factories.policy(workspace, cast)
    version = factories.version(workspace, cast)
    factories.tier(version.registered_model, cast, Tier.HIGH)
    code = factories.second_factor(cast.olivia).code()
    version = ModelVersion.objects.with_lineage().get(pk=version.pk)
    asked = factories.emergency_asked(version, cast, code=code)
    return Act(cast.rita, asked, {"role": SignerRole.RISK})


def revalidation(workspace: Workspace, cast: Cast) -> Act:
    factories.policy(workspace, cast)
    version = factories.champion(workspace, cast)
    fields = {"version": version, "conclusion": "C"}
    return Act(cast.bob, Slot.objects.get(), fields)


def retirement(workspace: Workspace, cast: Cast) -> Act:
    model = factories.version(workspace, cast).registered_model
    return Act(cast.olivia, model, {"reason": "R"})


def assessment(workspace: Workspace, cast: Cast) -> Act:
    fields = {"tier": Tier.LOW, "rationale": "R", "exposure": "E"}
    return Act(cast.rita, factories.model(workspace, cast), fields)


ACTS: dict[Callable[..., Any], Callable[[Workspace, Cast], Act]] = {
    sign_off: signature,
    reject_request: rejection,
    invalidate_request: invalidation,
    delegate_signing: delegation,
    approve_waiver: waiver,
    attest: attestation,
    accept_risk: acceptance,
    lift_freeze: lifting,
    ask_to_break_glass: emergency,
    confirm_break_glass: confirmation,
    revalidate: revalidation,
    retire: retirement,
    assess_tier: assessment,
}


def done(signs: Callable[..., Any], act: Act, **proof: Any) -> Any:
    arguments = {"password": factories.PASSWORD, "is_interactive": True} | proof
    return signs(act.subject, **act.fields, **arguments, actor=act.actor)


def refused(signs: Callable[..., Any], act: Act, **proof: Any) -> str:
    with pytest.raises(PermissionDeniedError) as refusal:
        done(signs, act, **proof)
    newest = Event.objects.latest("id")
    assert newest.kind.endswith(".refused")
    assert json.loads(bytes(newest.body))["payload"]["code"] == refusal.value.code
    return refusal.value.code


@pytest.mark.parametrize("signs", ACTS, ids=lambda signs: signs.__name__)
def test_signed_act_for_the_upper_tiers_takes_two_factors(workspace, cast, signs):
    # What is signed rests on the tier as the log tells of it.
    acts = {**ACTS, sign_off: signature_at_an_upper_tier}
    act = acts[signs](workspace, cast)
    if signs is not sign_off:
        hold_to_two_factors(factories.model(workspace, cast), cast)
    for row in (act.subject, *act.fields.values()):
        if isinstance(row, Model):  # as a view reads it: with its model as it is now
            row.refresh_from_db()

    assert refused(signs, act) == "second_factor_not_enrolled"
    app = factories.second_factor(act.actor)
    assert refused(signs, act) == "second_factor_missing"
    assert refused(signs, act, code="000 000") == "second_factor_wrong"
    assert FailedTries.objects.get(user=act.actor).number == 1

    signed = done(signs, act, code=app.code())

    assert signed.method == "password and one-time code"
    assert FailedTries.objects.get(user=act.actor).number == 0


def test_wrong_passwords_at_a_signed_act_lock_the_account(workspace, cast):
    act = acceptance(workspace, cast)
    for _ in range(5):
        assert refused(accept_risk, act, password="guessed") == "password_wrong"

    assert refused(accept_risk, act) == "account_locked"


def test_every_service_that_asks_for_a_signature_is_tried_here():
    tried = {inspect.getmodule(signs) for signs in ACTS}
    assert tried == {module for module in every_service() if asks(module)}


def every_service() -> list[ModuleType]:
    names = [found.name for found in pkgutil.iter_modules(services.__path__)]
    return [import_module(f"{services.__name__}.{name}") for name in names]


def asks(module: ModuleType) -> bool:
    return module is not reauthentication and (
        getattr(module, "reauthenticate", None) is signing.reauthenticate
        or getattr(module, "reauthenticate_for", None)
        is reauthentication.reauthenticate_for
    )
