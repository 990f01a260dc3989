"""Tables of the registry, one file a noun."""

from registry.models.alias import Alias
from registry.models.attestation import (
    Attestation,
    AttestationKind,
    AttestationSource,
    AttestationWithdrawal,
)
from registry.models.break_glass import (
    BreakGlass,
    BreakGlassConfirmation,
    BreakGlassEnd,
)
from registry.models.challenger import Challenger, ChallengerRemoval
from registry.models.closing import Closing
from registry.models.delegation import Delegation, DelegationWithdrawal
from registry.models.evidence_view import EvidenceView
from registry.models.finding import Finding, FindingMove, RiskAcceptance
from registry.models.former_name import FormerName
from registry.models.gate_run import GateRun, Verdict
from registry.models.leased_work import LeasedWork, WorkState
from registry.models.model_card import ModelCard, ModelDependency, TierAssessment
from registry.models.model_version import ModelVersion
from registry.models.notification import (
    Delivery,
    DeliveryAttempt,
    DeliveryState,
    Notification,
    NotificationType,
)
from registry.models.policy import Policy, PolicyPublication
from registry.models.promotion_request import (
    EvidenceSnapshot,
    PromotionRequest,
    RequestState,
)
from registry.models.registered_model import RegisteredModel
from registry.models.report import Report, ReportOrder
from registry.models.retirement import Retirement
from registry.models.revalidation import Revalidation, RevalidationTrigger
from registry.models.rollback import Freeze, FreezeLifting, Rollback
from registry.models.sign_off import SignOff
from registry.models.sign_off_verification import SignOffVerification
from registry.models.slot import Promotion, Slot
from registry.models.tag import ModelTag, VersionTag
from registry.models.ticket import TicketLink, TicketSubject, TicketTemplate
from registry.models.version_listing import Stage, VersionListing
from registry.models.waiver import Waiver, WaiverApproval, WaiverScope, WaiverWithdrawal
from registry.models.webhook import Webhook, WebhookKey

__all__ = [
    "Alias",
    "Attestation",
    "AttestationKind",
    "AttestationSource",
    "AttestationWithdrawal",
    "BreakGlass",
    "BreakGlassConfirmation",
    "BreakGlassEnd",
    "Challenger",
    "ChallengerRemoval",
    "Closing",
    "Delegation",
    "DelegationWithdrawal",
    "Delivery",
    "DeliveryAttempt",
    "DeliveryState",
    "EvidenceSnapshot",
    "EvidenceView",
    "Finding",
    "FindingMove",
    "FormerName",
    "Freeze",
    "FreezeLifting",
    "GateRun",
    "LeasedWork",
    "ModelCard",
    "ModelDependency",
    "ModelTag",
    "ModelVersion",
    "Notification",
    "NotificationType",
    "Policy",
    "PolicyPublication",
    "Promotion",
    "PromotionRequest",
    "RegisteredModel",
    "Report",
    "ReportOrder",
    "RequestState",
    "Retirement",
    "Revalidation",
    "RevalidationTrigger",
    "RiskAcceptance",
    "Rollback",
    "SignOff",
    "SignOffVerification",
    "Slot",
    "Stage",
    "TicketLink",
    "TicketSubject",
    "TicketTemplate",
    "TierAssessment",
    "Verdict",
    "VersionListing",
    "VersionTag",
    "Waiver",
    "WaiverApproval",
    "WaiverScope",
    "WaiverWithdrawal",
    "Webhook",
    "WebhookKey",
    "WorkState",
]
