"""Which acts a page offers to somebody; the services decide."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User

from registry.models import PromotionRequest, RegisteredModel, RequestState
from registry.permissions import (
    may_approve_waiver,
    may_attest,
    may_invalidate,
    may_reject,
    may_request_promotion,
    may_request_waiver,
)
from registry.services.assessment import Assessment
from registry.services.waiting import roles_open_to

WAIVABLE_STATES = frozenset({RequestState.BLOCKED, RequestState.PROMOTED})


def of_model(
    may: Callable[[User, RegisteredModel], bool],
) -> Callable[[User, Any], bool]:
    """Return a predicate on a version or a slot that asks about its model."""
    return lambda actor, row: may(actor, row.registered_model)


def acts_open_to(
    actor: User, subject: PromotionRequest, found: Assessment
) -> list[tuple[str, str]]:
    """Return word and label of each act that makes sense for them now."""
    model = subject.model_version.registered_model
    is_waivable = subject.state in WAIVABLE_STATES
    has_waivers = subject.waivers.filter(withdrawal__isnull=True).exists()
    offered = {
        ("reject", "Reject …"): bool(roles_open_to(actor, subject))
        and may_reject(actor, model),
        ("ask-for-waiver", "Ask for a waiver …"): is_waivable
        and bool(found.open_gates)
        and may_request_waiver(actor, model),
        ("approve-waiver", "Approve a waiver …"): is_waivable
        and has_waivers
        and may_approve_waiver(actor, model),
        ("withdraw-waiver", "Withdraw a waiver …"): has_waivers
        and (may_approve_waiver(actor, model) or may_request_waiver(actor, model)),
        ("attest", "Attest …"): subject.is_open and may_attest(actor, model),
        ("invalidate", "Revoke the evidence …"): subject.is_open
        and may_invalidate(actor, model),
        ("withdraw", "Withdraw …"): subject.is_open
        and may_request_promotion(actor, model),
    }
    return [act for act, is_open in offered.items() if is_open]
