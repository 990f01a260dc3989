import django.db.models.deletion
from django.db import migrations, models

from audit.triggers import Guard, refuses

NAMED = """
    SELECT 1 FROM registry_verdict v JOIN registry_gaterun g ON g.id = v.gate_run_id
    WHERE v.id = NEW.verdict_id AND g.request_id = NEW.request_id AND g.gate = NEW.gate"""

GUARD = Guard(
    "registry_a_waiver_names_its_verdict",
    "registry_waiver",
    "INSERT",
    f"NOT EXISTS ({NAMED})",
    "a waiver names the verdict of its gate that it lets through",
)


class Migration(migrations.Migration):
    dependencies = [("registry", "0007_findings_and_approvals_go_their_way")]

    operations = [
        migrations.AddField(
            model_name="waiver",
            name="verdict",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="registry.verdict",
            ),
        ),
        refuses(GUARD),
    ]
