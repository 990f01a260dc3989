from django.db import migrations

from audit.triggers import append_only_by_every_key


class Migration(migrations.Migration):
    dependencies = [("registry", "0002_evidence_of_promotions_is_append_only")]

    operations = [
        append_only_by_every_key(
            "registry_modelversion",
            ("id",),
            ("registered_model_id", "number"),
            ("registered_model_id", "artifact_sha256"),
        ),
        append_only_by_every_key(
            "registry_policy", ("id",), ("registered_model_id", "name", "version")
        ),
        append_only_by_every_key("registry_policypublication", ("id",), ("policy_id",)),
        append_only_by_every_key(
            "registry_evidencesnapshot", ("id",), ("request_id", "attempt")
        ),
        append_only_by_every_key("registry_verdict", ("id",), ("gate_run_id",)),
        append_only_by_every_key(
            "registry_signoff",
            ("id",),
            ("request_id", "subject_digest", "role"),
            ("request_id", "subject_digest", "signer_id"),
        ),
        append_only_by_every_key("registry_promotion", ("id",), ("request_id",)),
        append_only_by_every_key("registry_report", ("id",), ("order_id",)),
    ]
