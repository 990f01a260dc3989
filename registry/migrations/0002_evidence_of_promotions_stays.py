from django.db import migrations

from audit.triggers import append_only, append_only_by_every_key

TABLES = {
    "registry_attestation": (("id",),),
    "registry_attestationwithdrawal": (
        ("id",),
        ("attestation_id",),
    ),
    "registry_breakglass": (("id",),),
    "registry_breakglassconfirmation": (
        ("id",),
        ("break_glass_id",),
        ("finding_id",),
    ),
    "registry_breakglassend": (
        ("id",),
        ("confirmation_id",),
    ),
    "registry_challenger": (
        ("id",),
        ("slot_id", "number"),
    ),
    "registry_challengerremoval": (
        ("id",),
        ("challenger_id",),
    ),
    "registry_closing": (
        ("id",),
        ("request_id",),
    ),
    "registry_delegation": (("id",),),
    "registry_delegationwithdrawal": (
        ("id",),
        ("delegation_id",),
    ),
    "registry_deliveryattempt": (
        ("id",),
        ("delivery_id", "claim"),
    ),
    "registry_evidencesnapshot": (
        ("id",),
        ("request_id", "attempt"),
    ),
    "registry_evidenceview": (
        ("id",),
        ("request_id", "viewer_id", "subject_digest"),
    ),
    "registry_findingmove": (("id",),),
    "registry_formername": (
        ("id",),
        ("workspace_id", "name"),
    ),
    "registry_freeze": (
        ("id",),
        ("rollback_id",),
    ),
    "registry_freezelifting": (
        ("id",),
        ("freeze_id",),
    ),
    "registry_modelcard": (
        ("id",),
        ("registered_model_id", "number"),
    ),
    "registry_modeldependency": (("id",),),
    "registry_modelversion": (
        ("id",),
        ("registered_model_id", "number"),
        ("registered_model_id", "artifact_sha256"),
    ),
    "registry_notification": (
        ("id",),
        ("message_id",),
    ),
    "registry_policy": (
        ("id",),
        ("registered_model_id", "name", "version"),
        ("workspace_id", "name", "version"),
    ),
    "registry_policypublication": (
        ("id",),
        ("policy_id",),
    ),
    "registry_promotion": (
        ("id",),
        ("request_id",),
    ),
    "registry_report": (
        ("id",),
        ("order_id",),
    ),
    "registry_retirement": (
        ("id",),
        ("model_version_id",),
    ),
    "registry_revalidation": (("id",),),
    "registry_revalidationtrigger": (
        ("id",),
        ("model_version_id", "cause"),
    ),
    "registry_rollback": (
        ("id",),
        ("finding_id",),
    ),
    "registry_signoff": (
        ("id",),
        ("request_id", "subject_digest", "role"),
        ("request_id", "subject_digest", "signer_id"),
    ),
    "registry_signoffverification": (("id",),),
    "registry_ticketlink": (
        ("id",),
        ("subject_kind", "subject_id", "ticket"),
    ),
    "registry_tickettemplate": (
        ("id",),
        ("workspace_id", "number"),
    ),
    "registry_tierassessment": (("id",),),
    "registry_verdict": (
        ("id",),
        ("gate_run_id",),
    ),
    "registry_waiver": (("id",),),
    "registry_waiverapproval": (
        ("id",),
        ("waiver_id", "approver_id"),
    ),
    "registry_waiverwithdrawal": (
        ("id",),
        ("waiver_id",),
    ),
}


class Migration(migrations.Migration):
    dependencies = [("registry", "0001_all_tables_of_the_registry")]

    operations = [
        *(append_only(table) for table in TABLES),
        *(append_only_by_every_key(table, *keys) for table, keys in TABLES.items()),
    ]
