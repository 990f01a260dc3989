from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0009_risks_are_borne_together"),
    ]

    operations = [
        migrations.AlterField(
            model_name="notification",
            name="type",
            field=models.CharField(
                choices=[
                    ("dev.attestry.request.opened.v1", "Promotion requested"),
                    ("dev.attestry.gate.completed.v1", "Gates finished"),
                    ("dev.attestry.sign_off.wanted.v1", "Sign-off wanted"),
                    ("dev.attestry.request.approved.v1", "Request approved"),
                    ("dev.attestry.request.rejected.v1", "Request rejected"),
                    ("dev.attestry.request.withdrawn.v1", "Request withdrawn"),
                    ("dev.attestry.request.invalidated.v1", "Evidence revoked"),
                    ("dev.attestry.request.expired.v1", "Request expired"),
                    ("dev.attestry.version.promoted.v1", "Version promoted"),
                    ("dev.attestry.waiver.expiring.v1", "Waiver expires soon"),
                    ("dev.attestry.finding.overdue.v1", "Finding overdue"),
                    ("dev.attestry.retirement.signed.v1", "Retired"),
                    ("dev.attestry.freeze.overdue.v1", "Rollback not reviewed"),
                    (
                        "dev.attestry.dataset.sensitive_used.v1",
                        "Sensitive dataset used",
                    ),
                ],
                max_length=60,
            ),
        ),
    ]
