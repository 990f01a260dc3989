from django.db import migrations

from audit.triggers import Guard, refuses

ONE_PERSON_BY_DELEGATION = """
    SELECT 1 FROM registry_breakglass b
    LEFT JOIN registry_delegation a ON a.id = b.delegation_id
    LEFT JOIN registry_delegation c ON c.id = NEW.delegation_id
    WHERE b.id = NEW.break_glass_id AND (
        a.delegator_id = NEW.confirmed_by_id
        OR c.delegator_id = b.asked_by_id
        OR c.delegator_id = a.delegator_id)"""
OUT_OF_USE = """(
    EXISTS (SELECT 1 FROM registry_versionlisting l
        WHERE l.version_id = NEW.champion_id AND l.archived_at IS NOT NULL)
    OR EXISTS (SELECT 1 FROM registry_retirement r
        WHERE r.registered_model_id = NEW.registered_model_id
            AND (r.model_version_id IS NULL OR r.model_version_id = NEW.champion_id)))"""
SERVES = """
    SELECT 1 FROM registry_slot s
    LEFT JOIN registry_breakglassconfirmation c ON c.id = s.break_glass_id
    WHERE s.registered_model_id = NEW.registered_model_id
        AND (s.champion_id = NEW.version_id OR c.fallback_id = NEW.version_id)"""
EMERGENCY_BEFORE = """
    SELECT 1 FROM registry_breakglass b
    JOIN registry_finding f ON f.model_version_id = b.model_version_id
    WHERE b.id = NEW.break_glass_id AND f.id <> NEW.finding_id
        AND f.cause = 'break_glass' AND f.state NOT IN ('verified', 'closed')"""
ENDED = """
    SELECT 1 FROM registry_breakglassend e WHERE e.confirmation_id = OLD.break_glass_id"""
BORNE = """(
    SELECT count(*) FROM registry_findingmove m
    WHERE m.finding_id = NEW.finding_id AND m.to_state = 'risk_accepted')"""

GUARDS = (
    Guard(
        "registry_no_slot_takes_what_is_out_of_use",
        "registry_slot",
        "UPDATE",
        "NEW.champion_id IS NOT NULL "
        f"AND coalesce(OLD.champion_id, 0) <> NEW.champion_id AND {OUT_OF_USE}",
        "a version that is retired or archived does not serve",
    ),
    Guard(
        "registry_an_emergency_leaves_its_slot_on_record",
        "registry_slot",
        "UPDATE",
        "OLD.break_glass_id IS NOT NULL "
        "AND coalesce(NEW.break_glass_id, 0) <> OLD.break_glass_id "
        f"AND NOT EXISTS ({ENDED})",
        "an emergency leaves its slot when its end is on record",
    ),
    Guard(
        "registry_what_serves_is_not_archived",
        "registry_versionlisting",
        "UPDATE",
        "NEW.archived_at IS NOT NULL AND OLD.archived_at IS NULL "
        f"AND EXISTS ({SERVES})",
        "a version that serves is not archived",
    ),
    Guard(
        "registry_nobody_is_both_of_an_emergency_by_delegation",
        "registry_breakglassconfirmation",
        "INSERT",
        f"EXISTS ({ONE_PERSON_BY_DELEGATION})",
        "an emergency takes two people, whoever signs for them",
    ),
    Guard(
        "registry_a_risk_is_borne_twice_at_most",
        "registry_findingmove",
        "INSERT",
        f"NEW.to_state = 'risk_accepted' AND {BORNE} >= 2",
        "a risk is borne once and renewed once",
    ),
    Guard(
        "registry_no_emergency_makes_another_longer",
        "registry_breakglassconfirmation",
        "INSERT",
        f"EXISTS ({EMERGENCY_BEFORE})",
        "an emergency of a version is judged before its next one",
    ),
)


class Migration(migrations.Migration):
    dependencies = [("registry", "0003_the_way_into_production_is_kept")]

    operations = [refuses(guard) for guard in GUARDS]
