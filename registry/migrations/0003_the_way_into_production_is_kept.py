from django.db import migrations

from audit.triggers import Guard, refuses

MOVES = {
    "evaluating": (
        "blocked",
        "expired",
        "in_review",
        "invalidated",
        "withdrawn",
    ),
    "blocked": (
        "evaluating",
        "expired",
        "in_review",
        "invalidated",
        "withdrawn",
    ),
    "in_review": (
        "approved",
        "evaluating",
        "expired",
        "invalidated",
        "rejected",
        "withdrawn",
    ),
    "approved": (
        "evaluating",
        "expired",
        "invalidated",
        "promoted",
        "withdrawn",
    ),
    "promoted": ("rolled_back",),
}
ALLOWED = ", ".join(
    f"'{start} {target}'" for start, targets in MOVES.items() for target in targets
)
REQUEST = "registry_promotionrequest"
BECOMES = "NEW.state = '{state}' AND OLD.state <> '{state}' AND "

# A tier that nobody has assessed counts as the highest; tier 4 is approved by itself.
SIGNERS_WANTED = """(
    SELECT CASE m.tier WHEN 4 THEN 0 WHEN 3 THEN 1 WHEN 2 THEN 2 ELSE 3 END
    FROM registry_modelversion v
    JOIN registry_registeredmodel m ON m.id = v.registered_model_id
    WHERE v.id = NEW.model_version_id)"""
SIGNERS = """(
    SELECT count(DISTINCT s.signer_id) FROM registry_signoff s
    WHERE s.request_id = NEW.id AND s.subject_digest = NEW.subject_digest)"""
GATES = "SELECT 1 FROM registry_gaterun g WHERE g.request_id = NEW.id AND g.attempt = NEW.attempt"
JUDGED = "SELECT 1 FROM registry_verdict d WHERE d.gate_run_id = g.id"
PROMOTED = """
    SELECT 1 FROM registry_promotionrequest r
    JOIN registry_modelversion v ON v.id = r.model_version_id
    JOIN registry_slot s ON s.registered_model_id = v.registered_model_id
        AND s.environment = r.environment
    WHERE r.id = NEW.request_id AND s.id = NEW.slot_id AND r.state = 'promoted'"""
ONCE_PROMOTED = """
    SELECT 1 FROM registry_promotion p
    JOIN registry_promotionrequest r ON r.id = p.request_id
    WHERE p.slot_id = NEW.id AND r.model_version_id = NEW.champion_id"""
EMERGENCY = """
    SELECT 1 FROM registry_breakglassconfirmation c
    JOIN registry_breakglass b ON b.id = c.break_glass_id
    WHERE c.id = NEW.break_glass_id AND b.slot_id = NEW.id
        AND b.model_version_id = NEW.champion_id"""
ASKED_BY_THE_SAME = """
    SELECT 1 FROM registry_breakglass b
    WHERE b.id = NEW.break_glass_id AND b.asked_by_id = NEW.confirmed_by_id"""
RETIRED = """
    SELECT 1 FROM registry_retirement r
    WHERE r.registered_model_id = NEW.registered_model_id AND r.model_version_id IS NULL"""

GUARDS = (
    Guard(
        "registry_requests_begin_with_an_evaluation",
        REQUEST,
        "INSERT",
        "NEW.state <> 'evaluating'",
        "a request begins with its evaluation",
    ),
    Guard(
        "registry_requests_move_as_their_table_says",
        REQUEST,
        "UPDATE",
        "NEW.state <> OLD.state AND (OLD.state || ' ' || NEW.state) "
        f"NOT IN ({ALLOWED})",
        "no such move of a request",
    ),
    Guard(
        "registry_requests_stay",
        REQUEST,
        "DELETE",
        "OLD.id IS NOT NULL",
        "requests are not deleted",
    ),
    Guard(
        "registry_people_review_what_was_judged",
        REQUEST,
        "UPDATE",
        BECOMES.format(state="in_review")
        + f"(NOT EXISTS ({GATES}) OR EXISTS ({GATES} AND NOT EXISTS ({JUDGED})))",
        "a request is reviewed when every gate of the attempt has its verdict",
    ),
    Guard(
        "registry_an_approval_has_its_signers",
        REQUEST,
        "UPDATE",
        BECOMES.format(state="approved") + f"{SIGNERS} < {SIGNERS_WANTED}",
        "an approval has as many signers as the tier of the model wants",
    ),
    Guard(
        "registry_a_promotion_redeems_its_request",
        "registry_promotion",
        "INSERT",
        f"NOT EXISTS ({PROMOTED})",
        "a promotion redeems an approved request for its slot",
    ),
    Guard(
        "registry_slots_begin_empty",
        "registry_slot",
        "INSERT",
        "NEW.champion_id IS NOT NULL",
        "a slot begins without a champion",
    ),
    Guard(
        "registry_a_champion_was_promoted",
        "registry_slot",
        "UPDATE",
        "NEW.champion_id IS NOT NULL "
        "AND coalesce(OLD.champion_id, 0) <> NEW.champion_id "
        f"AND NOT EXISTS ({ONCE_PROMOTED}) AND NOT EXISTS ({EMERGENCY})",
        "a champion was promoted into its slot, or serves in an emergency",
    ),
    Guard(
        "registry_an_emergency_takes_two_people",
        "registry_breakglassconfirmation",
        "INSERT",
        f"EXISTS ({ASKED_BY_THE_SAME})",
        "an emergency takes two people",
    ),
    # Its unique index is partial, so that no key of the table guards it from REPLACE.
    Guard(
        "registry_retired_models_stay_retired",
        "registry_retirement",
        "INSERT",
        f"NEW.model_version_id IS NULL AND EXISTS ({RETIRED})",
        "a model is retired once",
    ),
)


class Migration(migrations.Migration):
    dependencies = [("registry", "0002_evidence_of_promotions_stays")]

    operations = [refuses(guard) for guard in GUARDS]
