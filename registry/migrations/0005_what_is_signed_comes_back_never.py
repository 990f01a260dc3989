from django.db import migrations

from audit.triggers import Guard, refuses

REQUEST = "registry_promotionrequest"

# Waivers of the same gate, version and environment that ever had their approvals.
GRANTED_BESIDE = """(
    SELECT count(*) FROM registry_waiver asked
    JOIN registry_promotionrequest its ON its.id = asked.request_id
    JOIN registry_waiver other ON other.gate = asked.gate AND other.id <> asked.id
    JOIN registry_promotionrequest theirs ON theirs.id = other.request_id
        AND theirs.model_version_id = its.model_version_id
        AND theirs.environment = its.environment
    WHERE asked.id = NEW.waiver_id AND other.approvals_needed <= (
        SELECT count(*) FROM registry_waiverapproval a WHERE a.waiver_id = other.id))"""

CHANGES_TIER = "coalesce(NEW.tier, 0) <> coalesce(OLD.tier, 0) AND "
SIGNED_LAST = """coalesce((
    SELECT a.tier FROM registry_tierassessment a
    WHERE a.registered_model_id = NEW.id ORDER BY a.id DESC LIMIT 1), 0)"""
OPEN = """
    SELECT 1 FROM registry_promotionrequest r
    JOIN registry_modelversion v ON v.id = r.model_version_id
    WHERE v.registered_model_id = NEW.id
        AND r.state IN ('evaluating', 'blocked', 'in_review', 'approved')"""

# SQLite adds a column that may be null without making the table anew, so that the
# triggers stay.
GUARDS = (
    Guard(
        "registry_what_is_signed_does_not_come_back",
        REQUEST,
        "UPDATE",
        "coalesce(NEW.revision, 0) < coalesce(OLD.revision, 0) "
        "OR (OLD.subject_digest <> '' AND NEW.subject_digest <> OLD.subject_digest "
        "AND coalesce(NEW.revision, 0) = coalesce(OLD.revision, 0))",
        "what is to be signed changes with its revision",
    ),
    Guard(
        "registry_a_waiver_is_renewed_once",
        "registry_waiverapproval",
        "INSERT",
        f"{GRANTED_BESIDE} >= 2",
        "a gate of a version is waived once, and once again",
    ),
    Guard(
        "registry_models_begin_without_a_tier",
        "registry_registeredmodel",
        "INSERT",
        "NEW.tier IS NOT NULL",
        "a model begins without a tier",
    ),
    Guard(
        "registry_a_tier_was_signed",
        "registry_registeredmodel",
        "UPDATE",
        f"{CHANGES_TIER} coalesce(NEW.tier, 0) <> {SIGNED_LAST}",
        "the tier of a model is the one that was signed last",
    ),
    Guard(
        "registry_requests_end_with_their_tier",
        "registry_registeredmodel",
        "UPDATE",
        f"{CHANGES_TIER} EXISTS ({OPEN})",
        "no request is open while the tier of its model changes",
    ),
)


class Migration(migrations.Migration):
    dependencies = [("registry", "0004_what_serves_is_fit_to_serve")]

    operations = [refuses(guard) for guard in GUARDS]
