"""Which acts a page offers to somebody; the services decide."""

from django.contrib.auth.models import User

from registry.models import PromotionRequest
from registry.permissions import (
    may_attest,
    may_invalidate,
    may_reject,
    may_request_promotion,
)
from registry.services.assessment import Assessment
from registry.services.waiting import roles_open_to
from registry.services.waivers import (
    gates_to_waive,
    may_approve_any_waiver,
    may_withdraw_any_waiver,
)


def acts_open_to(
    actor: User, subject: PromotionRequest, found: Assessment
) -> list[tuple[str, str]]:
    """Return word and label of each act that makes sense for them now."""
    model = subject.model_version.registered_model
    offered = {
        ("reject", "Reject …"): bool(roles_open_to(actor, subject))
        and may_reject(actor, model),
        ("ask-for-waiver", "Ask for a waiver …"): bool(
            gates_to_waive(actor, subject, found.open_gates)
        ),
        ("approve-waiver", "Approve a waiver …"): may_approve_any_waiver(
            actor, subject
        ),
        ("withdraw-waiver", "Withdraw a waiver …"): may_withdraw_any_waiver(
            actor, subject
        ),
        ("attest", "Attest …"): subject.is_open and may_attest(actor, model),
        ("invalidate", "Revoke the evidence …"): subject.is_open
        and may_invalidate(actor, model),
        ("withdraw", "Withdraw …"): subject.is_open
        and may_request_promotion(actor, model),
    }
    return [act for act, is_open in offered.items() if is_open]
