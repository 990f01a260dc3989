from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0019_what_is_signed_does_not_come_back"),
    ]

    operations = [
        migrations.AlterField(
            model_name="revalidationtrigger",
            name="kind",
            field=models.CharField(
                choices=[
                    ("drift_breach", "Drift Breach"),
                    ("data_source_change", "Data Source Change"),
                    ("code_change", "Code Change"),
                    ("policy_change", "Policy Change"),
                    ("tier_change", "Tier Change"),
                    ("incident", "Incident"),
                    ("waiver_expiry", "Waiver Expiry"),
                    ("regulation_change", "Regulation Change"),
                ],
                max_length=20,
            ),
        ),
    ]
