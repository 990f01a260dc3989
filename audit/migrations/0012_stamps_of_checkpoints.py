from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0011_copies_of_checkpoints"),
    ]

    operations = [
        migrations.AddField(
            model_name="checkpointcopy",
            name="answer",
            field=models.BinaryField(null=True),
        ),
        migrations.AlterField(
            model_name="checkpointcopy",
            name="way",
            field=models.CharField(
                choices=[
                    ("e-mail", "Email"),
                    ("webhook", "Webhook"),
                    ("timestamp", "Timestamp"),
                ],
                max_length=10,
            ),
        ),
    ]
