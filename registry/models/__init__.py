"""Tables of the registry, one file a noun."""

from registry.models.delegation import Delegation, DelegationWithdrawal
from registry.models.gate_run import GateRun, Verdict
from registry.models.leased_work import LeasedWork, WorkState
from registry.models.model_version import ModelVersion
from registry.models.policy import Policy, PolicyPublication
from registry.models.promotion_request import (
    EvidenceSnapshot,
    PromotionRequest,
    RequestState,
)
from registry.models.registered_model import RegisteredModel
from registry.models.report import Report, ReportOrder
from registry.models.sign_off import SignOff
from registry.models.slot import Promotion, Slot

__all__ = [
    "Delegation",
    "DelegationWithdrawal",
    "EvidenceSnapshot",
    "GateRun",
    "LeasedWork",
    "ModelVersion",
    "Policy",
    "PolicyPublication",
    "Promotion",
    "PromotionRequest",
    "RegisteredModel",
    "Report",
    "ReportOrder",
    "RequestState",
    "SignOff",
    "Slot",
    "Verdict",
    "WorkState",
]
