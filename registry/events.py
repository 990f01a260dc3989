"""The kinds of entry that the registry writes."""

from enum import StrEnum


class RegistryEvent(StrEnum):
    """`<app>.<subject>.<past participle>`; `docs/events.md` gives each its payload."""

    MODEL_REGISTERED = "registry.model.registered"
    VERSION_REGISTERED = "registry.version.registered"
    POLICY_DRAFTED = "registry.policy.drafted"
    POLICY_PUBLISHED = "registry.policy.published"
    POLICY_REFUSED = "registry.policy.refused"
    REQUEST_OPENED = "registry.request.opened"
    REQUEST_REFUSED = "registry.request.refused"
    EVALUATION_STARTED = "registry.evaluation.started"
    EVALUATION_CONCLUDED = "registry.evaluation.concluded"
    VERDICT_GIVEN = "registry.verdict.given"
    SIGN_OFF_GIVEN = "registry.sign_off.given"
    SIGN_OFF_REFUSED = "registry.sign_off.refused"
    REQUEST_APPROVED = "registry.request.approved"
    VERSION_PROMOTED = "registry.version.promoted"
    PROMOTION_REFUSED = "registry.promotion.refused"
    REPORT_ORDERED = "registry.report.ordered"
    REPORT_PRODUCED = "registry.report.produced"
    REPORT_FAILED = "registry.report.failed"
    WEBHOOK_CREATED = "registry.webhook.created"
    WEBHOOK_DISABLED = "registry.webhook.disabled"
    WEBHOOK_ENABLED = "registry.webhook.enabled"
    WEBHOOK_KEY_ROTATED = "registry.webhook.key_rotated"
    DELIVERY_GIVEN_UP = "registry.delivery.given_up"
    DELIVERY_REPLAYED = "registry.delivery.replayed"
    TICKET_LINKED = "registry.ticket.linked"
    TICKET_TEMPLATE_SET = "registry.ticket_template.set"
