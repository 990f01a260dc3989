from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0012_stamps_of_checkpoints")]

    operations = [
        migrations.AlterField(
            model_name="verificationturn",
            name="mode",
            field=models.CharField(max_length=11, primary_key=True, serialize=False),
        ),
    ]
