from django.db import migrations

from audit.triggers import Guard, refuses


def changed(*columns):
    """Return the condition that any of the columns gets another value."""
    return " OR ".join(
        f"NEW.{name} <> OLD.{name} OR (NEW.{name} IS NULL) <> (OLD.{name} IS NULL)"
        for name in columns
    )


REQUEST = (
    *("model_version_id", "environment", "policy_id"),
    *("requested_by_id", "created_at"),
)
APPROVAL = (
    *("attempt", "subject_digest", "revision"),
    *("approved_at", "approval_expires_at"),
)
FINDING = (
    *("registered_model_id", "model_version_id", "severity", "cause"),
    *("due_at", "opened_by_id", "opened_at"),
)

GUARDS = (
    Guard(
        "registry_a_request_stays_what_was_asked",
        "registry_promotionrequest",
        "UPDATE",
        changed(*REQUEST),
        "a request stays what was asked for",
    ),
    Guard(
        "registry_an_approval_stays_what_was_given",
        "registry_promotionrequest",
        "UPDATE",
        "OLD.state IN ('approved', 'promoted') AND NEW.state = OLD.state "
        f"AND ({changed(*APPROVAL)})",
        "an approval stays what was given",
    ),
    Guard(
        "registry_a_slot_stays_where_it_is",
        "registry_slot",
        "UPDATE",
        changed("registered_model_id", "environment"),
        "a slot stays that of its model and environment",
    ),
    Guard(
        "registry_a_gate_runs_for_its_attempt",
        "registry_gaterun",
        "UPDATE",
        changed("request_id", "attempt", "gate"),
        "a gate runs for the attempt that it began for",
    ),
    Guard(
        "registry_a_finding_stays_what_was_found",
        "registry_finding",
        "UPDATE",
        changed(*FINDING),
        "a finding stays what was found",
    ),
    Guard(
        "registry_archived_versions_stay_archived",
        "registry_versionlisting",
        "UPDATE",
        f"OLD.archived_at IS NOT NULL AND ({changed('archived_at')}) "
        f"OR {changed('version_id')}",
        "what is archived stays archived",
    ),
    Guard(
        "registry_archived_models_stay_archived",
        "registry_registeredmodel",
        "UPDATE",
        f"OLD.archived_at IS NOT NULL AND ({changed('archived_at')}) "
        f"OR {changed('workspace_id')}",
        "what is archived stays archived",
    ),
)


class Migration(migrations.Migration):
    dependencies = [("registry", "0005_what_is_signed_comes_back_never")]

    operations = [refuses(guard) for guard in GUARDS]
