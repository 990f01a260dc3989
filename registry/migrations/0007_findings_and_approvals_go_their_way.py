from django.db import migrations

from audit.triggers import Guard, refuses

MOVES = {
    "open": ("planned", "fixed", "risk_accepted"),
    "planned": ("open", "fixed", "risk_accepted"),
    "fixed": ("open", "verified"),
    "verified": ("open", "closed"),
    "risk_accepted": ("open", "fixed"),
}
ALLOWED = ", ".join(
    f"'{start} {target}'" for start, targets in MOVES.items() for target in targets
)

OWNER_OR_TEXT = (
    "NEW.owner_id <> OLD.owner_id OR NEW.title <> OLD.title "
    "OR NEW.description <> OLD.description"
)

GUARDS = (
    Guard(
        "registry_a_finding_stays_with_who_mends_it",
        "registry_finding",
        "UPDATE",
        OWNER_OR_TEXT,
        "a finding stays with who was to mend it, as it was described",
    ),
    Guard(
        "registry_a_finding_goes_its_way",
        "registry_finding",
        "UPDATE",
        "NEW.state <> OLD.state "
        f"AND (OLD.state || ' ' || NEW.state) NOT IN ({ALLOWED})",
        "a finding goes from one state to the next",
    ),
    Guard(
        "registry_a_request_runs_out_when_it_was_said_to",
        "registry_promotionrequest",
        "UPDATE",
        "NEW.expires_at <> OLD.expires_at "
        "OR (NEW.expires_at IS NULL) <> (OLD.expires_at IS NULL)",
        "a request runs out when it was said to",
    ),
    Guard(
        "registry_an_approval_has_its_days",
        "registry_promotionrequest",
        "UPDATE",
        "NEW.state IN ('approved', 'promoted') "
        "AND (NEW.approved_at IS NULL OR NEW.approval_expires_at IS NULL)",
        "an approval says when it was given and when it ends",
    ),
)


class Migration(migrations.Migration):
    dependencies = [("registry", "0006_rows_of_the_way_stay")]

    operations = [refuses(guard) for guard in GUARDS]
