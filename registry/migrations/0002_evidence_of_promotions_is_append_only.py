from django.db import migrations

from audit.triggers import append_only


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0001_tables_of_the_registry"),
        ("tracking", "0002_evidence_of_runs_is_append_only"),
    ]

    operations = [
        append_only("registry_modelversion"),
        append_only("registry_policy"),
        append_only("registry_policypublication"),
        append_only("registry_evidencesnapshot"),
        append_only("registry_verdict"),
        append_only("registry_signoff"),
        append_only("registry_promotion"),
        append_only("registry_report"),
    ]
